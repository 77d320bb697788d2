package libcontainer

import (
	"errors"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/mdrun/mdrun/cgroupv2"
	"github.com/mdrun/mdrun/libcontainer/step"
	"github.com/mdrun/mdrun/spec"
)

// Few pids are written late, and then, and only then, init makes threads before.
func TestFewPidsAreLateAndHaveThreadsInReserve(t *testing.T) {
	limit := func(n int64) *specs.LinuxResources { return &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &n}} }
	unified := func(v string) *specs.LinuxResources {
		return &specs.LinuxResources{Unified: map[string]string{"pids.max": v}}
	}
	for _, c := range []struct {
		name      string
		resources *specs.LinuxResources
		late      string
	}{
		{"nothing", nil, ""},
		{"0", limit(0), ".linux.resources.pids.limit"},
		{"1", limit(1), ".linux.resources.pids.limit"},
		{"15", limit(15), ".linux.resources.pids.limit"},
		{"16", limit(16), ""},
		{"no limit", limit(-1), ""},
		{"unified 2", unified("2"), `.linux.resources.unified["pids.max"]`},
		{"unified 0x3", unified("0x3"), `.linux.resources.unified["pids.max"]`},
		{"unified max", unified("max"), ""},
		{"memory", &specs.LinuxResources{Unified: map[string]string{"memory.max": "7"}}, ""},
	} {
		s := &specs.Spec{Version: "1.2.0", Root: &specs.Root{Path: "rootfs"}, Process: &specs.Process{Cwd: "/", Args: []string{"true"}},
			Linux: &specs.Linux{Resources: c.resources, Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}, {Type: specs.PIDNamespace}}}}
		d, err := (&Runtime{}).compileSpec("x", &spec.Bundle{Dir: "/nowhere", Spec: s}, CreateOptions{}, true)
		must(t, err)
		first, late := splitLimits(d.Settings)
		if len(first)+len(late) != len(d.Settings) || len(late) > 1 || (len(late) == 1) != (c.late != "") {
			t.Errorf("%s: first %v, late %v", c.name, first, late)
		}
		made := ""
		for _, e := range d.Plan {
			if _, ok := e.Step.(*step.SpareThreads); ok {
				made = e.Field
			}
		}
		if made != c.late {
			t.Errorf("%s: threads for %q, want for %q", c.name, made, c.late)
		}
	}
}

// Of a controller that is missing the limit is told first, and not what is derived from it
// and written before it.
func TestAMissingControllerIsToldOfTheLimit(t *testing.T) {
	missing := func(controller string, r *specs.LinuxResources) string {
		settings, err := cgroupv2.Settings(r)
		must(t, err)
		c := &creation{design: &design{Settings: settings}}
		var e *Error
		if !errors.As(c.missingController(&cgroupv2.HostError{Controller: controller, Text: "no " + controller}), &e) {
			return ""
		}
		return e.Field
	}
	n, both, few := int64(1<<20), int64(2<<20), int64(5)
	for want, got := range map[string]string{
		".linux.resources.memory.limit":           missing("memory", &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &n, Swap: &both, Reservation: &n}}),
		".linux.resources.memory.reservation":     missing("memory", &specs.LinuxResources{Memory: &specs.LinuxMemory{Reservation: &n}}),
		".linux.resources.pids.limit":             missing("pids", &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &n}, Pids: &specs.LinuxPids{Limit: &few}}),
		`.linux.resources.unified["memory.high"]`: missing("memory", &specs.LinuxResources{Unified: map[string]string{"memory.high": "1"}}),
		"": missing("io", &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &n}}),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
