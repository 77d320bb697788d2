package compile

import (
	"errors"
	"slices"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
	"github.com/mdrun/mdrun/spec"
)

func TestAVariableIsSetOnceWithItsLastValue(t *testing.T) {
	for _, c := range []struct {
		given, want []string
		home        bool // is looked up
	}{
		{nil, nil, true},
		{[]string{"A=1", "B=2", "A=3"}, []string{"B=2", "A=3"}, true},
		{[]string{"HOME=/root"}, []string{"HOME=/root"}, false},
		{[]string{"HOME=/a", "HOME=/b"}, []string{"HOME=/b"}, false},
		{[]string{"HOME="}, nil, true},
		{[]string{"HOME=/a", "HOME="}, nil, true},
		{[]string{"HOMER=x", "A=", "B=x=y"}, []string{"HOMER=x", "A=", "B=x=y"}, true},
	} {
		s := spec.Default()
		s.Process.Env = c.given
		got := one[*step.Environment](t, compiled(t, s, facts()))
		if !slices.Equal(got.Env, c.want) || got.Home != c.home {
			t.Errorf("%q: %q, home %v", c.given, got.Env, got.Home)
		}
	}
}

func TestAProgramIsLookedForAlongTheLastPath(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want string
	}{{nil, ""}, {[]string{"PATH="}, ""}, {[]string{"PATH=/bin:/sbin"}, "/bin:/sbin"}, {[]string{"PATH=/a", "PATH=/b"}, "/b"}, {[]string{"XPATH=/a"}, ""}} {
		s := spec.Default()
		s.Process.Env = c.env
		if got := one[*step.FindProgram](t, compiled(t, s, facts())); got.Path != c.want || got.Name != "sh" {
			t.Errorf("%q: %+v", c.env, got)
		}
	}
}

// A limit that would hinder init waits until the end; any other is set while there are
// privileges to raise it with.
func TestOnlyLimitsThatHinderInitAreLate(t *testing.T) {
	const much = 1 << 40
	for name, c := range map[string]struct {
		number int
		soft   uint64
		late   bool
	}{
		"RLIMIT_AS": {unix.RLIMIT_AS, 1 << 20, true}, "RLIMIT_DATA": {unix.RLIMIT_DATA, 0, true}, "RLIMIT_NPROC": {unix.RLIMIT_NPROC, 10, true},
		"RLIMIT_FSIZE": {unix.RLIMIT_FSIZE, 0, true}, "RLIMIT_STACK": {unix.RLIMIT_STACK, 8 << 20, true}, "RLIMIT_NOFILE": {unix.RLIMIT_NOFILE, 63, true},
		"RLIMIT_CPU": {unix.RLIMIT_CPU, 0, false}, "RLIMIT_CORE": {unix.RLIMIT_CORE, 0, false}, "RLIMIT_RSS": {unix.RLIMIT_RSS, 0, false},
		"RLIMIT_MEMLOCK": {unix.RLIMIT_MEMLOCK, 0, false}, "RLIMIT_LOCKS": {unix.RLIMIT_LOCKS, 0, false}, "RLIMIT_SIGPENDING": {unix.RLIMIT_SIGPENDING, 0, false},
		"RLIMIT_MSGQUEUE": {unix.RLIMIT_MSGQUEUE, 0, false}, "RLIMIT_NICE": {unix.RLIMIT_NICE, 0, false}, "RLIMIT_RTPRIO": {unix.RLIMIT_RTPRIO, 0, false},
		"RLIMIT_RTTIME": {unix.RLIMIT_RTTIME, 0, false},
	} {
		for _, limit := range []specs.POSIXRlimit{{Soft: c.soft, Hard: much + 1}, {Soft: much, Hard: much + 1}, {Soft: c.soft, Hard: c.soft}} {
			s := spec.Default()
			limit.Type = name
			s.Process.Rlimits = []specs.POSIXRlimit{limit}
			soft := limit.Soft
			plan := compiled(t, s, facts())
			var got []step.Rlimit
			at := 0
			for i, e := range plan {
				if r, ok := e.Step.(*step.Rlimit); ok {
					got, at = append(got, *r), i
				}
			}
			want := []step.Rlimit{{Name: name, Resource: c.number, Soft: soft, Hard: limit.Hard}}
			if c.late && soft < much { // its hard half is raised while that can be done
				want = []step.Rlimit{{Name: name, Resource: c.number, Hard: limit.Hard, Room: true}, want[0]}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %+v", name, got)
			}
			if len(got) == 2 && place(plan, "User") < place(plan, "Rlimit") {
				t.Errorf("%s: room is made when the privileges are gone", name)
			}
			if late := at > place(plan, "CloseFiles"); late != (c.late && soft < much) {
				t.Errorf("%s %d: late %v", name, soft, late)
			}
			if last := at > place(plan, "WaitStart"); last != (name == "RLIMIT_NOFILE" && soft < much) {
				t.Errorf("%s %d: after start has come: %v", name, soft, last)
			}
		}
	}
	if got := rlimitNames(); len(got) != 16 {
		t.Errorf("getrlimit(2) has 16 resources: %v", got)
	}
}

func TestATerminalIsThatOfTheUser(t *testing.T) {
	s := spec.Default()
	s.Process.User.UID, s.Process.ConsoleSize = 7, &specs.Box{Height: 25, Width: 80}
	if got := one[*step.Console](t, compiled(t, s, facts())); *got != (step.Console{Height: 25, Width: 80, UID: 7}) {
		t.Errorf("%+v", got)
	}
}

// Who may not set groups gets a user namespace that denies it, and the plan knows.
func TestGroupsInAUserNamespaceThatIsNotMadeByRoot(t *testing.T) {
	s, f := spec.Default(), facts()
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	denied := func() bool {
		t.Helper()
		plan, _, err := Container(s, f)
		if err != nil {
			t.Fatal(err)
		}
		b, err := NewBirth(s, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range plan {
			if u, ok := entry.Step.(*step.User); ok && u.NoSetgroups != b.DenySetgroups {
				t.Errorf("the birth denies: %v, the plan knows: %v", b.DenySetgroups, u.NoSetgroups)
			}
		}
		return b.DenySetgroups
	}
	if denied() {
		t.Error("root may set groups")
	}
	f.Permitted = 0
	if !denied() {
		t.Error("the kernel will not take the map")
	}
	s.Process.User.AdditionalGids = []uint32{5}
	var e *Error
	if _, _, err := Container(s, f); !errors.As(err, &e) || e.Field != ".process.user.additionalGids" {
		t.Error(err)
	}
}
