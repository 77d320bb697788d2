package compile

import (
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/mdrun/mdrun/libcontainer/step"
	"github.com/mdrun/mdrun/spec"
)

func TestIDsAreMappedAsTheMountSays(t *testing.T) {
	users, groups := []specs.LinuxIDMapping{{HostID: 5000, Size: 10}, {ContainerID: 70, HostID: 9, Size: 1}}, []specs.LinuxIDMapping{{HostID: 6, Size: 2}}
	for _, c := range []struct {
		options string
		given   bool
		want    string
	}{
		{"bind", false, "bind /host/a to /a"},
		{"rbind,idmap,ro", true, "bind /host/a to /a with all mounts below, users mapped 0→5000 (10) and 70→9 (1), groups mapped 0→6 (2), read-only"},
		{"bind", true, "bind /host/a to /a, users mapped 0→5000 (10) and 70→9 (1), groups mapped 0→6 (2)"},
		{"rbind,ridmap", true, "bind /host/a to /a with all mounts below, with all below users mapped 0→5000 (10) and 70→9 (1), groups mapped 0→6 (2)"},
		{"rbind,ridmap", false, "bind /host/a to /a with all mounts below, with all below ids mapped as in the user namespace"},
		{"bind,ridmap,idmap", false, "bind /host/a to /a, ids mapped as in the user namespace"},
	} {
		m := specs.Mount{Destination: "/a", Source: "/host/a", Options: strings.Split(c.options, ",")}
		if c.given {
			m.UIDMappings, m.GIDMappings = users, groups
		}
		s := spec.Default()
		if !c.given {
			spec.Rootless(s, 1000, 1000)
		}
		s.Mounts = append(s.Mounts, m)
		got := ""
		for _, b := range stepsOf[*step.Bind](compiled(t, s, facts())) {
			if b.Target == "/a" {
				got = b.String()
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.options, got, c.want)
		}
	}
}
