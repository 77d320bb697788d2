package compile

import (
	"errors"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/mdrun/mdrun/libcontainer/step"
	"github.com/mdrun/mdrun/spec"
)

const (
	chown    = 1 << 0
	kill     = 1 << 5
	netAdmin = 1 << 12
	restore  = 1 << 40 // CAP_CHECKPOINT_RESTORE, the last that is known
)

// one gives the step of a type in the plan of a specification.
func one[T step.Step](t *testing.T, plan step.Plan) (found T) {
	t.Helper()
	n := 0
	for _, e := range plan {
		if s, ok := e.Step.(T); ok {
			found, n = s, n+1
		}
	}
	if n != 1 {
		t.Fatalf("%d steps of the type %T", n, found)
	}
	return found
}

func TestCapabilitiesAreTheSetsOfTheConfiguration(t *testing.T) {
	all := facts().Permitted
	for name, c := range map[string]struct {
		given *specs.LinuxCapabilities
		facts func(*Facts)
		want  step.Capabilities
		warn  string // the fields that have one
	}{
		"no object keeps what the runtime has": {nil, nil, step.Capabilities{Bounding: all, Effective: all, Permitted: all}, ""},
		"an empty object takes everything":     {&specs.LinuxCapabilities{}, nil, step.Capabilities{}, ""},
		"five different sets": {&specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN", "CAP_KILL"}, Permitted: []string{"CAP_CHOWN", "CAP_KILL"},
			Effective: []string{"CAP_KILL"}, Inheritable: []string{"CAP_CHOWN"}, Ambient: []string{"CAP_CHOWN"}}, nil,
			step.Capabilities{Bounding: chown | kill, Permitted: chown | kill, Effective: kill, Inheritable: chown, Ambient: chown}, ""},
		"ambient needs permitted and inheritable": {&specs.LinuxCapabilities{Permitted: []string{"CAP_CHOWN"}, Inheritable: []string{"CAP_KILL"},
			Ambient: []string{"CAP_CHOWN", "CAP_KILL"}}, nil, step.Capabilities{Permitted: chown, Inheritable: kill}, ".process.capabilities.ambient"},
		"an unknown one is left out": {&specs.LinuxCapabilities{Permitted: []string{"CAP_NET_ADMINN", "chown", "CAP_CHOWN"}}, nil,
			step.Capabilities{Permitted: chown}, ".process.capabilities.permitted[0] .process.capabilities.permitted[1]"},
		"one that the kernel does not have is left out": {&specs.LinuxCapabilities{Permitted: []string{"CAP_CHECKPOINT_RESTORE", "CAP_CHOWN"}},
			func(f *Facts) { f.LastCap = 39 }, step.Capabilities{Permitted: chown, Last: 39}, ".process.capabilities.permitted[0]"},
		"the last one is known": {&specs.LinuxCapabilities{Permitted: []string{"CAP_CHECKPOINT_RESTORE"}}, nil, step.Capabilities{Permitted: restore}, ""},
		"one that the runtime lacks is left out": {&specs.LinuxCapabilities{Permitted: []string{"CAP_NET_ADMIN", "CAP_CHOWN"}},
			func(f *Facts) { f.Permitted = chown }, step.Capabilities{Permitted: chown}, ".process.capabilities.permitted[0]"},
	} {
		s, f := spec.Default(), facts()
		s.Process.Capabilities = c.given
		if c.facts != nil {
			c.facts(&f)
		}
		if c.want.Last == 0 {
			c.want.Last = f.LastCap
		}
		plan, warnings, err := Container(s, f)
		must(t, err)
		var fields []string
		for _, w := range warnings {
			fields = append(fields, w.Field)
		}
		if got := *one[*step.Capabilities](t, plan); got != c.want || strings.Join(fields, " ") != c.warn {
			t.Errorf("%s: %+v, warnings %v", name, got, warnings)
		}
		if c.given != nil && one[*step.Bounding](t, plan).Keep != c.want.Bounding {
			t.Errorf("%s: bounding %#x", name, one[*step.Bounding](t, plan).Keep)
		}
	}
}

// In a user namespace of its own a container has every capability, whatever the runtime
// has outside.
func TestAUserNamespaceHasEveryCapability(t *testing.T) {
	s, f := spec.Default(), facts()
	spec.Rootless(s, 1000, 1000)
	s.Process.Capabilities = &specs.LinuxCapabilities{Permitted: []string{"CAP_NET_ADMIN"}}
	f.Permitted = 0
	if got := one[*step.Capabilities](t, compiled(t, s, f)); got.Permitted != netAdmin {
		t.Errorf("permitted %#x", got.Permitted)
	}
	s.Process.Capabilities = nil
	if got := one[*step.Capabilities](t, compiled(t, s, f)); got.Permitted != 1<<41-1 {
		t.Errorf("permitted %#x", got.Permitted)
	}
}

func TestEffectiveCapabilitiesMustBePermitted(t *testing.T) {
	s := spec.Default()
	s.Process.Capabilities = &specs.LinuxCapabilities{Permitted: []string{"CAP_CHOWN"}, Effective: []string{"CAP_KILL"}}
	_, _, err := Container(s, facts())
	var e *Error
	if !errors.As(err, &e) || e.Field != ".process.capabilities.effective" || e.Hint == "" {
		t.Errorf("%v", err)
	}
}
