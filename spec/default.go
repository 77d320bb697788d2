package spec

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Version is the version of the specification that Default writes, and the newest
// that is read.
const Version = "1.3.0"

// Default is the configuration that `mdrun spec` prints: what `runc spec` prints on a
// cgroup v2 host, but for the host name. It is safe to start from: namespaces of its
// own, three capabilities, a read-only root, what the kernel shows too freely masked.
func Default() *specs.Spec {
	return &specs.Spec{
		Version:  Version,
		Process:  defaultProcess(),
		Root:     &specs.Root{Path: "rootfs", Readonly: true},
		Hostname: "mdrun",
		Mounts:   defaultMounts(),
		Linux: &specs.Linux{
			Resources: &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}},
			Namespaces: []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.IPCNamespace},
				{Type: specs.UTSNamespace}, {Type: specs.MountNamespace}, {Type: specs.CgroupNamespace}},
			MaskedPaths: []string{"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
				"/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}

func defaultProcess() *specs.Process {
	capabilities := func() []string { return []string{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"} }
	return &specs.Process{
		Terminal:        true,
		Args:            []string{"sh"},
		Env:             []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"},
		Cwd:             "/",
		NoNewPrivileges: true,
		Capabilities:    &specs.LinuxCapabilities{Bounding: capabilities(), Effective: capabilities(), Permitted: capabilities()},
		Rlimits:         []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 1024}},
	}
}

func defaultMounts() []specs.Mount {
	m := func(destination, kind, source string, options ...string) specs.Mount {
		return specs.Mount{Destination: destination, Type: kind, Source: source, Options: options}
	}
	return []specs.Mount{
		m("/proc", "proc", "proc"),
		m("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
		m("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
		m("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
		m("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
		m("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
		m("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
	}
}

// Rootless changes a configuration so that the given user can run it without
// privileges: a user namespace in which that user is root, the host's network and
// /sys, no limits.
func Rootless(s *specs.Spec, uid, gid uint32) {
	l := s.Linux
	l.Resources = nil
	l.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: uid, Size: 1}}
	l.GIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: gid, Size: 1}}
	l.Namespaces = slices.DeleteFunc(l.Namespaces, func(ns specs.LinuxNamespace) bool {
		return ns.Type == specs.NetworkNamespace || ns.Type == specs.UserNamespace
	})
	l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	for i := range s.Mounts {
		m := &s.Mounts[i]
		switch m.Destination {
		case "/sys": // a new sysfs would need a network namespace of one's own
			*m = specs.Mount{Destination: "/sys", Type: "none", Source: "/sys", Options: []string{"rbind", "nosuid", "noexec", "nodev", "ro"}}
		case "/dev/pts": // the group tty is not mapped
			m.Options = slices.DeleteFunc(m.Options, func(o string) bool { return o == "gid=5" })
		}
	}
}
