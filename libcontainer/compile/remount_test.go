package compile

import (
	"fmt"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// A remount has the mount that an entry before it made, unless it is none of them, or is
// hidden by then.
func TestARemountHasTheMountThatWasKept(t *testing.T) {
	tmpfs := func(target string, options ...string) specs.Mount {
		return specs.Mount{Destination: target, Type: "tmpfs", Source: "tmpfs", Options: options}
	}
	bind := func(target string, options ...string) specs.Mount {
		return specs.Mount{Destination: target, Source: hostDir + "/x", Options: append([]string{"bind"}, options...)}
	}
	for what, c := range map[string]struct {
		mounts []specs.Mount
		kept   int
		want   string // the number that each change has
	}{
		"two of three, one of them twice": {[]specs.Mount{tmpfs("/a"), tmpfs("/b"), bind("/c"), tmpfs("/c", "remount"), bind("/c", "remount", "ro"), tmpfs("/a/", "remount")}, 2, "[2 2 1]"},
		"the last one on the path":        {[]specs.Mount{tmpfs("/a"), tmpfs("/a"), bind("/a"), tmpfs("/a", "remount")}, 1, "[1]"},
		"what is hidden":                  {[]specs.Mount{tmpfs("/a/b"), tmpfs("/a"), tmpfs("/a/b", "remount")}, 0, "[0]"},
		"what no entry mounted":           {[]specs.Mount{bind("/a"), tmpfs("/ab"), bind("/a/b", "remount", "ro")}, 0, "[0]"},
		"the cgroup":                      {[]specs.Mount{bind("/sys/fs/cgroup", "remount", "ro")}, 1, "[1]"},
		"late, and remounted":             {[]specs.Mount{tmpfs("/a", "ro"), tmpfs("/b", "ro"), bind("/b", "remount", "rw"), tmpfs("/c")}, 2, "[2 1]"},
	} {
		kept := 0
		var got []int
		for _, e := range compiled(t, withMounts(c.mounts...), facts()) {
			switch s := e.Step.(type) {
			case *step.Mount:
				kept += asNumber(s.Keep)
			case *step.Bind:
				kept += asNumber(s.Keep)
			case *step.CgroupMount:
				kept += asNumber(s.Keep)
			case *step.Remount:
				got = append(got, s.Kept)
			case *step.Reconfigure:
				got = append(got, s.Kept)
			}
		}
		if kept != c.kept || fmt.Sprint(got) != c.want {
			t.Errorf("%s: %d kept, numbers %v, want %d and %s", what, kept, got, c.kept, c.want)
		}
	}
}

func asNumber(b bool) int {
	if b {
		return 1
	}
	return 0
}
