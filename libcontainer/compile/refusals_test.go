package compile

import (
	"errors"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
	"github.com/mdrun/mdrun/spec"
)

// What cannot become a plan is refused with its field, whether or not the checks before
// would have let it through.
func TestWhatCannotBecomeAPlanIsRefusedByField(t *testing.T) {
	mount := func(m specs.Mount) func(*specs.Spec) { return func(s *specs.Spec) { s.Mounts = []specs.Mount{m} } }
	parameter := func(name string) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{name: "1"} }
	}
	one := []specs.LinuxIDMapping{{HostID: 7, Size: 1}}
	for _, c := range []struct {
		change            func(*specs.Spec)
		field, text, hint string
	}{
		{mount(specs.Mount{Destination: "/", Type: "tmpfs"}), ".mounts[0].destination", "cannot replace the root", ".root.path"},
		{mount(specs.Mount{Destination: "/a/..", Type: "tmpfs"}), ".mounts[0].destination", "cannot replace the root", ""},
		{mount(specs.Mount{Destination: "/proc", Type: "tmpfs"}), ".mounts[0].destination", "only proc", ""},
		{mount(specs.Mount{Destination: "/proc/sys", Type: "tmpfs"}), ".mounts[0].destination", "/proc/sys is inside /proc", "/proc/cpuinfo"},
		{mount(specs.Mount{Destination: "/x/../proc/1", Source: "/a", Options: []string{"bind"}}), ".mounts[0].destination", "/proc/1 is inside", ""},
		{mount(specs.Mount{Destination: "/a", Options: []string{"bind"}}), ".mounts[0].source", "needs a source", ""},
		{mount(specs.Mount{Destination: "/a", Source: "/a", Options: []string{"bind", "nosiud"}}), ".mounts[0].options", `did you mean "nosuid"?`, "filesystem"},
		{mount(specs.Mount{Destination: "/a", Type: "tmpfs", Options: []string{"idmap"}}), ".mounts[0].options", "only a bind mount", "rbind"},
		{mount(specs.Mount{Destination: "/a", Type: "tmpfs", UIDMappings: one, GIDMappings: one}), ".mounts[0].uidMappings", "only a bind mount", "rbind"},
		{mount(specs.Mount{Destination: "/a", Source: "/a", Options: []string{"bind", "remount", "idmap"}}), ".mounts[0].options", "only a bind mount", ""},
		{mount(specs.Mount{Destination: "/a", Source: "/a", Options: []string{"bind", "ridmap"}}), ".mounts[0].options", "no user namespace", ".uidMappings"},
		{func(s *specs.Spec) { s.Linux.RootfsPropagation = "both" }, ".linux.rootfsPropagation", `"both"`, "private"},
		{func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/x", Type: "q"}} }, ".linux.devices[0].type", `"q"`, "c, u, b or p"},
		{func(s *specs.Spec) { s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_FOO"}} }, ".process.rlimits[0].type", `"RLIMIT_FOO"`, ""},
		{func(s *specs.Spec) { s.Linux.Namespaces = nil }, ".linux.namespaces", "no mount namespace", `{"type": "mount"}`},
		{parameter("kernel"), `.linux.sysctl["kernel"]`, "not the name", ""},
		{parameter("kernel.hostname"), `.linux.sysctl["kernel.hostname"]`, ".hostname", ""},
		{parameter("vm.swappiness"), `.linux.sysctl["vm.swappiness"]`, "would change the host", ""},
		{parameter("user.max_user_namespaces"), `.linux.sysctl["user.max_user_namespaces"]`, "user namespace", ""},
	} {
		s := spec.Default()
		c.change(s)
		plan, _, err := Container(s, facts())
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", c.field, err)
			continue
		}
		if e.Field != c.field || !strings.Contains(e.Text, c.text) || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%s: %q; %s; %d steps", e.Field, e.Text, e.Hint, len(plan))
		}
	}
}

func TestPathsOfSysctls(t *testing.T) {
	for name, want := range map[string]string{
		"net.ipv4.ip_forward": "net/ipv4/ip_forward", "net/ipv4/ip_forward": "net/ipv4/ip_forward", "kernel.sem": "kernel/sem",
		"net.ipv4.conf.eth0/100.rp_filter": "net/ipv4/conf/eth0.100/rp_filter", "net/ipv4/conf/eth0.100/rp_filter": "net/ipv4/conf/eth0.100/rp_filter",
		"fs.mqueue.msg_max": "fs/mqueue/msg_max",
		// Names that would lead elsewhere, or nowhere.
		"": "", "kernel": "", ".": "", "..": "", "net..ipv4": "", ".net.ipv4": "", "net.": "", "net/../kernel/sem": "", "net/./x": "", "/proc/sys/net/x": "",
		"net//x": "", "net.ipv4.a+b": "", "net.ipv4.a\x00b": "", "net.//.x": "",
	} {
		got, ok := sysctlPath(name)
		if got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", name, got, ok)
		}
	}
}

func TestASysctlNeedsItsNamespace(t *testing.T) {
	for path, namespace := range map[string]specs.LinuxNamespaceType{
		"kernel/shmmax": specs.IPCNamespace, "kernel/sem": specs.IPCNamespace, "fs/mqueue/queues_max": specs.IPCNamespace,
		"net/core/somaxconn": specs.NetworkNamespace, "kernel/domainname": specs.UTSNamespace, "user/max_mnt_namespaces": specs.UserNamespace,
		// These are the host's, whatever namespaces there are.
		"kernel/core_pattern": "", "kernel/hostname": "", "vm/overcommit_memory": "", "fs/file-max": "", "kernel/shmmax2": "", "network/x": "", "debug/x": "",
	} {
		for _, flag := range cloneFlags {
			of := specs.LinuxNamespaceType(flag.name)
			c := &compiler{namespaces: map[specs.LinuxNamespaceType]specs.LinuxNamespace{of: {Type: of}}}
			why, _ := c.sysctlRefusal(path)
			if refused := why != ""; refused == (of == namespace) {
				t.Errorf("%s with a %s namespace: refused %v", path, of, refused)
			}
			// One by path is as good, unless it is the host's.
			c.facts.Ours = map[specs.LinuxNamespaceType]bool{of: true}
			if why, _ := c.sysctlRefusal(path); why == "" {
				t.Errorf("%s with the host's own %s namespace is not refused", path, of)
			}
		}
	}
}

func TestDevices(t *testing.T) {
	count := func(change func(*specs.Spec, *Facts)) (devices, bound int, links bool) {
		s, f := spec.Default(), facts()
		change(s, &f)
		for _, e := range compiled(t, s, f) {
			switch d := e.Step.(type) {
			case *step.Device:
				if devices++; d.Bind {
					bound++
				}
			case *step.DeviceLinks:
				links = true
			}
		}
		return devices, bound, links
	}
	joined := []specs.LinuxNamespace{{Type: specs.UserNamespace, Path: hostDir + "/ns/user"}}
	for name, c := range map[string]struct {
		change         func(*specs.Spec, *Facts)
		devices, bound int
		links          bool
	}{
		"the default ones": {func(*specs.Spec, *Facts) {}, 6, 0, true},
		"one replaces a default": {func(s *specs.Spec, _ *Facts) {
			s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev//null", Type: "c", Major: 1, Minor: 3}}
		}, 6, 0, true},
		"a runtime in a user namespace": {func(_ *specs.Spec, f *Facts) { f.InUserNS = true }, 6, 6, true},
		"a user namespace by path":      {func(s *specs.Spec, _ *Facts) { s.Linux.Namespaces = append(s.Linux.Namespaces, joined...) }, 6, 6, true},
		"the host's /dev is left as it is": {func(s *specs.Spec, _ *Facts) {
			s.Mounts[1] = specs.Mount{Destination: "/dev/", Source: "/dev", Options: []string{"rbind"}}
		}, 0, 0, false},
		"the last mount on /dev decides": {func(s *specs.Spec, _ *Facts) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/dev", Source: "/dev", Options: []string{"bind"}})
		}, 0, 0, false},
	} {
		if devices, bound, links := count(c.change); devices != c.devices || bound != c.bound || links != c.links {
			t.Errorf("%s: %d devices, %d of them bound, links %v", name, devices, bound, links)
		}
	}
}

func TestBirth(t *testing.T) {
	s := spec.Default()
	s.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.CgroupNamespace}, {Type: specs.TimeNamespace},
		{Type: specs.NetworkNamespace, Path: hostDir + "/ns/net"}, {Type: specs.UserNamespace, Path: hostDir + "/ns/user"}}
	s.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: 1000, Size: 1}}
	s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: -3}, "monotonic": {Secs: 5, Nanosecs: 7}}
	b, err := NewBirth(s, facts())
	must(t, err)
	if b.New != unix.CLONE_NEWPID|unix.CLONE_NEWTIME || !b.OwnPID || len(b.Join) != 2 || b.Join[1].Flag != unix.CLONE_NEWUSER || b.UID != nil {
		t.Errorf("%+v", b)
	}
	if want := "monotonic 5 7\nboottime -3 0\n"; b.TimeOffsets != want {
		t.Errorf("offsets %q, want %q", b.TimeOffsets, want)
	}
	s.Linux.Namespaces[0].Path = hostDir + "/ns/pid"
	if b, err = NewBirth(s, facts()); err != nil || b.OwnPID {
		t.Errorf("a joined pid namespace is not the container's own: %+v, %v", b, err)
	}
	for name, c := range map[string]struct {
		namespaces []specs.LinuxNamespace
		ours       bool
		meanwhile  bool
	}{
		"a new one":                       {[]specs.LinuxNamespace{{Type: specs.NetworkNamespace}}, false, true},
		"one of a new user namespace":     {[]specs.LinuxNamespace{{Type: specs.NetworkNamespace}, {Type: specs.UserNamespace}}, false, false},
		"one of another's user namespace": {[]specs.LinuxNamespace{{Type: specs.UserNamespace, Path: "/u"}, {Type: specs.NetworkNamespace}}, false, false},
		"one of our own user namespace":   {[]specs.LinuxNamespace{{Type: specs.UserNamespace, Path: "/u"}, {Type: specs.NetworkNamespace}}, true, true},
		"one by path":                     {[]specs.LinuxNamespace{{Type: specs.NetworkNamespace, Path: "/n"}}, false, false},
		"none":                            {nil, false, false},
	} {
		with, f := spec.Default(), facts()
		with.Linux.Namespaces = append(c.namespaces, specs.LinuxNamespace{Type: specs.MountNamespace}, specs.LinuxNamespace{Type: specs.UTSNamespace})
		f.Ours = map[specs.LinuxNamespaceType]bool{specs.UserNamespace: c.ours}
		b, err := NewBirth(with, f)
		if must(t, err); (b.Network != "") != c.meanwhile || b.Network != "" && b.New&unix.CLONE_NEWNET != 0 {
			t.Errorf("network namespace: %s: made meanwhile %q, flags %x", name, b.Network, b.New)
		}
		// What is made beside init is of no use unless init enters it.
		plan, _, err := Container(with, f)
		must(t, err)
		enters := slices.ContainsFunc(plan, func(e step.Entry) bool { return kindOf(e.Step) == "EnterNetwork" })
		if enters != c.meanwhile {
			t.Errorf("network namespace: %s: init enters one: %v", name, enters)
		}
	}
	s.Linux.Namespaces[0].Type = "ipcs"
	var e *Error
	if _, err = NewBirth(s, facts()); !errors.As(err, &e) || e.Field != ".linux.namespaces[0].type" {
		t.Errorf("%v", err)
	}
}
