package compile

import (
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
	"github.com/mdrun/mdrun/spec"
)

// stepsOf gives the steps of one type, in order.
func stepsOf[T step.Step](p step.Plan) (list []T) {
	for _, e := range p {
		if s, ok := e.Step.(T); ok {
			list = append(list, s)
		}
	}
	return list
}

func withMounts(mounts ...specs.Mount) *specs.Spec {
	s := spec.Default()
	s.Mounts = append(s.Mounts, mounts...)
	return s
}

// What is shared with the host is cloned before the mounts are cut off from it, and only
// when both sides say so.
func TestASourceIsHeldWhenBothSidesSayShared(t *testing.T) {
	mounts := []specs.Mount{
		{Destination: "/a", Source: hostDir + "/a", Options: []string{"rbind", "rshared"}},
		{Destination: "/b", Source: hostDir + "/b", Options: []string{"rbind", "rslave"}},
		{Destination: "/c", Source: "c", Options: []string{"bind", "shared"}},
		{Destination: "/t", Type: "tmpfs", Options: []string{"shared"}},
	}
	for root, want := range map[string]string{
		"": "", "private": "", "rslave": "", "unbindable": "",
		"shared": hostDir + "/a " + hostDir + "/bundle/c", "rshared": hostDir + "/a " + hostDir + "/bundle/c",
	} {
		s := withMounts(mounts...)
		s.Linux.RootfsPropagation = root
		plan := compiled(t, s, facts())
		var held []string
		for _, h := range stepsOf[*step.HoldSource](plan) {
			held = append(held, h.Source)
		}
		if got := strings.Join(held, " "); got != want {
			t.Errorf("%s: holds %q, want %q", root, got, want)
		}
		for _, b := range stepsOf[*step.Bind](plan) {
			if (b.Held > 0) != slices.Contains(held, b.Source) || b.Held > 0 && held[b.Held-1] != b.Source {
				t.Errorf("%s: %s is held as number %d of %v", root, b.Source, b.Held, held)
			}
		}
	}
}

func TestAMountKeepsItsOwnPropagation(t *testing.T) {
	for root, want := range map[string]uint64{"": 0, "rprivate": 0, "shared": 0, "rshared": unix.MS_SHARED} {
		s := withMounts(specs.Mount{Destination: "/own", Type: "tmpfs", Options: []string{"slave"}}, specs.Mount{Destination: "/none", Type: "tmpfs"})
		s.Linux.RootfsPropagation = root
		plan := compiled(t, s, facts())
		for _, m := range stepsOf[*step.Mount](plan) {
			got := m.After.Propagations
			switch {
			case m.Target == "/own" && !slices.Equal(got, []uint64{unix.MS_SLAVE}):
				t.Errorf("%s: its own became %#x", root, got)
			case m.Target == "/none" && (len(got) != 0) != (want != 0), m.Target == "/none" && want != 0 && got[0] != want:
				t.Errorf("%s: without one it has %#x, want %#x", root, got, want)
			}
		}
		for _, last := range stepsOf[*step.RootPropagation](plan) {
			if last.Flags&unix.MS_REC != 0 {
				t.Errorf("%s: the root's own reaches all mounts", root)
			}
		}
	}
}

// A tmpfs waits with being read-only, unless what would then be made read-only is another
// mount.
func TestAReadOnlyTmpfsWaits(t *testing.T) {
	ro := specs.Mount{Destination: "/x", Type: "tmpfs", Options: []string{"ro"}}
	for name, c := range map[string]struct {
		mounts []specs.Mount
		late   int
	}{
		"ro":           {[]specs.Mount{ro}, 1},
		"rro":          {[]specs.Mount{{Destination: "x", Type: "tmpfs", Options: []string{"rro"}}}, 1},
		"covered":      {[]specs.Mount{ro, {Destination: "/y/../x/", Source: "/etc", Options: []string{"bind"}}}, 0},
		"rw":           {[]specs.Mount{{Destination: "/x", Type: "tmpfs"}}, 0},
		"other below":  {[]specs.Mount{ro, {Destination: "/x/y", Type: "tmpfs"}}, 1},
		"no tmpfs":     {[]specs.Mount{{Destination: "/x", Type: "ramfs", Options: []string{"ro"}}}, 0},
		"covers other": {[]specs.Mount{{Destination: "/x", Source: "/etc", Options: []string{"bind"}}, ro}, 1},
	} {
		plan := compiled(t, withMounts(c.mounts...), facts())
		if late := stepsOf[*step.Remount](plan); len(late) != c.late {
			t.Errorf("%s: %v", name, late)
		}
		for _, m := range stepsOf[*step.Mount](plan) {
			now := m.Flags&unix.MS_RDONLY != 0 || (m.After.Set|m.After.RSet)&unix.MOUNT_ATTR_RDONLY != 0
			if want := name == "covered" || name == "no tmpfs"; m.Target == "/x" && now != want {
				t.Errorf("%s: read-only at once: %v", name, now)
			}
		}
	}
}

// Who cannot mount the hierarchy anew must not reach more of it than its own cgroup.
func TestTheCgroupMountIsConfined(t *testing.T) {
	admin := []string{"CAP_SYS_ADMIN"}
	for name, c := range map[string]struct {
		change func(*specs.Spec, *Facts)
		want   bool
	}{
		"ordinary":                 {func(*specs.Spec, *Facts) {}, true},
		"read-only":                {func(s *specs.Spec, _ *Facts) { s.Mounts[6].Options = []string{"ro"} }, false},
		"rro":                      {func(s *specs.Spec, _ *Facts) { s.Mounts[6].Options = []string{"rro"} }, false},
		"privileged":               {func(s *specs.Spec, _ *Facts) { s.Process.Capabilities.Bounding = admin }, false},
		"permitted alone":          {func(s *specs.Spec, _ *Facts) { s.Process.Capabilities = &specs.LinuxCapabilities{Permitted: admin} }, false},
		"no capabilities":          {func(s *specs.Spec, _ *Facts) { s.Process.Capabilities = nil }, false},
		"no process":               {func(s *specs.Spec, _ *Facts) { s.Process = nil }, true},
		"what we do not have":      {func(s *specs.Spec, f *Facts) { s.Process.Capabilities.Bounding = admin; f.Permitted = 0 }, true},
		"root of a user namespace": {func(s *specs.Spec, f *Facts) { s.Process.Capabilities.Bounding = admin; f.InUserNS = true }, true},
		"a namespace that is ours": {func(_ *specs.Spec, f *Facts) { f.Ours = map[specs.LinuxNamespaceType]bool{specs.CgroupNamespace: true} }, true},
		"a namespace of the host's": {func(_ *specs.Spec, f *Facts) {
			f.Hosts = map[specs.LinuxNamespaceType]bool{specs.CgroupNamespace: true}
		}, true},
	} {
		s, f := spec.Default(), facts()
		s.Mounts[6].Options = nil
		isCgroup := func(ns specs.LinuxNamespace) bool { return ns.Type == specs.CgroupNamespace }
		i := slices.IndexFunc(s.Linux.Namespaces, isCgroup)
		s.Linux.Namespaces[i].Path = hostDir + "/ns/cgroup"
		c.change(s, &f)
		if f.Ours == nil && f.Hosts == nil {
			s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, isCgroup)
		}
		plan, _, err := Container(s, f)
		must(t, err)
		shown := stepsOf[*step.CgroupMount](plan)
		if len(shown) != 1 || shown[0].Confined != c.want {
			t.Errorf("%s: %+v", name, shown)
		}
	}
}

func TestOptionsOfAFilesystemHaveSuggestionsToo(t *testing.T) {
	for _, c := range []struct{ filesystem, word, want string }{
		{"tmpfs", "szie=1m", "size="}, {"tmpfs", "sizzle=1m", "size="}, {"tmpfs", "nosiud", "nosuid"}, {"overlay", "lowdir=/a", "lowerdir="},
		{"devpts", "ptxmode=0666", "ptmxmode="}, {"proc", "hidpid=2", "hidepid="}, {"nopefs", "size=1m", ""}, {"tmpfs", "frobnicate", ""},
	} {
		if got := NearOption(c.filesystem, c.word); got != c.want {
			t.Errorf("%s: %s: %q, want %q", c.filesystem, c.word, got, c.want)
		}
	}
}
