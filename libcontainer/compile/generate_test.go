package compile

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// maker makes up specifications that are odd but valid.
type maker struct {
	*rand.Rand
	spec *specs.Spec
}

// generate gives the specification of a seed, always the same.
func generate(seed uint64) (*specs.Spec, Facts) {
	m := &maker{rand.New(rand.NewPCG(seed, 1)), &specs.Spec{Version: "1.2.0", Root: &specs.Root{Path: "rootfs"}, Linux: &specs.Linux{}}}
	m.spec.Root.Readonly = m.maybe()
	m.namespaces()
	m.mounts()
	m.linux()
	if !m.oneIn(10) {
		m.process()
	}
	if m.oneIn(3) {
		m.hooks()
	}
	if m.oneIn(8) {
		m.onlyChroot()
	}
	f := facts()
	f.NoPivot, f.NoNewKeyring, f.InUserNS, f.PreserveFDs = m.oneIn(4), m.oneIn(4), m.oneIn(4), m.IntN(3)
	if m.maybe() {
		f.Permitted = m.Uint64() & (1<<41 - 1)
	}
	if m.spec.Process != nil && !f.maySetgroups() {
		m.spec.Process.User.AdditionalGids = nil // refused where a user namespace is new
	}
	return m.spec, f
}

func (m *maker) maybe() bool         { return m.oneIn(2) }
func (m *maker) oneIn(n int) bool    { return m.IntN(n) == 0 }
func (m *maker) id() uint32          { return []uint32{0, 0, 5, 1000, 65534}[m.IntN(5)] }
func pick[T any](m *maker, l ...T) T { return l[m.IntN(len(l))] }

// some gives a few of a list, in any order.
func some[T any](m *maker, list ...T) []T {
	list = slices.Clone(list)
	m.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:m.IntN(len(list)+1)]
}

func (m *maker) has(t specs.LinuxNamespaceType) bool {
	return slices.ContainsFunc(m.spec.Linux.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == t })
}

func (m *maker) namespaces() {
	l := m.spec.Linux
	for _, t := range append(some(m, specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.UserNamespace,
		specs.CgroupNamespace, specs.TimeNamespace), specs.MountNamespace) {
		ns := specs.LinuxNamespace{Type: t}
		if m.oneIn(4) && t != specs.MountNamespace {
			ns.Path = hostDir + "/ns/" + string(t)
		}
		l.Namespaces = append(l.Namespaces, ns)
		switch {
		case t == specs.UserNamespace:
			l.UIDMappings = []specs.LinuxIDMapping{{HostID: 100000, Size: 65536}}
			l.GIDMappings = []specs.LinuxIDMapping{{HostID: 200000, Size: 65536}}
		case t == specs.TimeNamespace && ns.Path == "":
			l.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: m.Int64N(1000)}}
		}
	}
	if m.has(specs.UTSNamespace) {
		m.spec.Hostname, m.spec.Domainname = pick(m, "", "inside"), pick(m, "", "example.org")
	}
}

// onlyChroot takes the mount namespace away, or lets it be another's, and all that would
// be a mount.
func (m *maker) onlyChroot() {
	l := m.spec.Linux
	l.Namespaces = slices.DeleteFunc(l.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == specs.MountNamespace })
	if m.maybe() {
		l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: specs.MountNamespace, Path: hostDir + "/ns/mount"})
	}
	m.spec.Mounts, l.MaskedPaths, l.ReadonlyPaths, l.RootfsPropagation, m.spec.Root.Readonly = nil, nil, nil, "", false
	if m.spec.Process != nil {
		m.spec.Process.Terminal = false
	}
}

func (m *maker) mounts() {
	dev := specs.Mount{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: some(m, "nosuid", "ro", "mode=755", "size=65536k")}
	if m.oneIn(6) {
		dev = specs.Mount{Destination: "/dev", Source: hostDir + "/dev", Options: []string{"rbind"}}
	}
	m.spec.Mounts = append([]specs.Mount{{Destination: "/proc", Type: "proc", Source: "proc"}, dev,
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts"}}, some(m, m.others()...)...)
}

func (m *maker) others() []specs.Mount {
	ways := []string{"ro", "rro", "nosuid", "noexec", "noatime", "rslave", "private", "rshared", "rstrictatime"}
	list := []specs.Mount{
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"ro", "nosuid"}},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: some(m, "ro", "relatime")},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"size=1m"}},
		{Destination: "/dev/shm", Options: append(some(m, "nosuid", "size=2m"), "remount")},
		{Destination: "/proc/cpuinfo", Source: hostDir + "/lxcfs/cpuinfo", Options: []string{"bind"}},
	}
	for i := range m.IntN(4) {
		list = append(list,
			specs.Mount{Destination: fmt.Sprintf("/srv/%d", i), Type: "bind", Source: hostDir + fmt.Sprintf("/srv/%d", i), Options: append(some(m, ways...), "rbind")},
			specs.Mount{Destination: fmt.Sprintf("run/%d", i), Type: "tmpfs", Source: "tmpfs", Options: some(m, append(ways, "mode=700")...)},
			specs.Mount{Destination: fmt.Sprintf("/etc/%d", i), Source: fmt.Sprintf("etc/%d", i), Options: append(some(m, ways...), "bind")},
			specs.Mount{Destination: fmt.Sprintf("/srv/%d", i), Options: append(some(m, ways...), "remount", "bind")})
	}
	return list
}

func (m *maker) linux() {
	l := m.spec.Linux
	l.RootfsPropagation = pick(m, "", "", "private", "rslave", "shared", "rshared", "unbindable", "runbindable")
	l.MaskedPaths = some(m, "/proc/kcore", "/proc/acpi", "/sys/firmware", "/proc/keys")
	l.ReadonlyPaths = some(m, "/proc/sys", "/proc/bus", "/proc/irq")
	l.Devices = some(m, specs.LinuxDevice{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229}, specs.LinuxDevice{Path: "/dev/pipe", Type: "p"},
		specs.LinuxDevice{Path: "/dev/null", Type: "c", Major: 1, Minor: 3, FileMode: ptr(os.FileMode(0o600)), UID: ptr(m.id())},
		specs.LinuxDevice{Path: "/srv/disk", Type: "b", Major: 7, Minor: 0, GID: ptr(m.id())})
	if m.oneIn(3) {
		l.Personality = &specs.LinuxPersonality{Domain: pick(m, specs.PerLinux, specs.PerLinux32)}
	}
	l.Sysctl = map[string]string{}
	for _, p := range some(m, []parameter{{specs.IPCNamespace, "kernel.shmmax"}, {specs.IPCNamespace, "fs/mqueue/msg_max"}, {specs.NetworkNamespace, "net.ipv4.ip_forward"},
		{specs.NetworkNamespace, "net/ipv4/conf/eth0.1/rp_filter"}, {specs.UTSNamespace, "kernel.domainname"}, {specs.UserNamespace, "user.max_user_namespaces"}}...) {
		if m.has(p.of) {
			l.Sysctl[p.name] = "1"
		}
	}
}

func (m *maker) hooks() {
	list := func(path string) []specs.Hook {
		return some(m, specs.Hook{Path: path}, specs.Hook{Path: path, Args: []string{"x", "-y"}, Env: []string{"A=1"}, Timeout: ptr(1 + m.IntN(9))}, specs.Hook{Path: path})
	}
	m.spec.Hooks = &specs.Hooks{Prestart: list(hostDir + "/a"), CreateRuntime: list(hostDir + "/b"), CreateContainer: list(hostDir + "/c"),
		StartContainer: list("/bin/d"), Poststart: list(hostDir + "/e"), Poststop: list(hostDir + "/f")}
}

// parameter is a sysctl and the namespace that it belongs to.
type parameter struct {
	of   specs.LinuxNamespaceType
	name string
}

func (m *maker) process() {
	p := &specs.Process{Terminal: m.oneIn(3), Args: some(m, "-v", "--", "x"), Cwd: pick(m, "/", "/srv", "/a/../b"), NoNewPrivileges: m.maybe()}
	p.Args = append([]string{pick(m, "sh", "/bin/sh", "./run")}, p.Args...)
	p.Env = some(m, "PATH=/bin", "HOME=/root", "HOME=", "A=1", "A=2", "B==")
	p.User = specs.User{UID: m.id(), GID: m.id(), AdditionalGids: some(m, uint32(5), 6)}
	if m.maybe() {
		p.User.Umask = ptr(m.Uint32N(0o1000))
	}
	if m.maybe() {
		p.OOMScoreAdj = ptr(m.IntN(2001) - 1000)
	}
	if p.Terminal && m.maybe() {
		p.ConsoleSize = &specs.Box{Height: 25, Width: 80}
	}
	for _, name := range some(m, rlimitNames()...) {
		hard := pick(m, uint64(10), 1024, 1<<40, 1<<64-1)
		p.Rlimits = append(p.Rlimits, specs.POSIXRlimit{Type: name, Soft: min(hard, pick(m, uint64(0), 63, 64, 1<<40)), Hard: hard})
	}
	if m.maybe() {
		p.Capabilities = m.capabilities()
	}
	m.spec.Process = p
}

func rlimitNames() (names []string) {
	for _, l := range rlimitNumbers {
		names = append(names, l.name)
	}
	slices.Sort(names)
	return names
}

func (m *maker) capabilities() *specs.LinuxCapabilities {
	permitted := some(m, append(CapabilityNames(), "CAP_OF_TOMORROW")...)
	list := func() []string { return some(m, permitted...) }
	return &specs.LinuxCapabilities{Bounding: some(m, CapabilityNames()...), Permitted: permitted, Effective: list(), Inheritable: list(), Ambient: list()}
}
