package libcontainer

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// initialUserNS is the inode of the first user namespace, a constant of the kernel
// (include/linux/proc_ns.h, PROC_USER_INIT_INO).
const initialUserNS = 0xeffffffd

// InUserNamespace tells whether we are in a user namespace other than the first.
func InUserNamespace() bool {
	var st unix.Stat_t
	return unix.Stat("/proc/self/ns/user", &st) == nil && st.Ino != initialUserNS
}

// setgroupsDenied tells whether that has been denied in our user namespace
// (proc_pid_setgroups(5)).
func setgroupsDenied() bool {
	data, err := sys.ReadFile("/proc/self/setgroups")
	return err == nil && string(data) == "deny\n"
}

// shared finds the namespaces by path that a process is in: what is done in those of
// our own, or of process 1, would be done to the host.
func shared(s *specs.Spec, process string) map[specs.LinuxNamespaceType]bool {
	found := map[specs.LinuxNamespaceType]bool{}
	if s.Linux == nil {
		return found
	}
	for _, ns := range s.Linux.Namespaces {
		var there, here unix.Stat_t
		if ns.Path == "" || unix.Stat(ns.Path, &there) != nil {
			continue // whoever opens it says what is wrong
		}
		if unix.Stat("/proc/"+process+"/ns/"+fileOf(ns.Type), &here) == nil && here.Ino == there.Ino && here.Dev == there.Dev {
			found[ns.Type] = true
		}
	}
	return found
}

// mountsElsewhere: the root is a path in another mount namespace, where we cannot look.
func mountsElsewhere(s *specs.Spec, ours map[specs.LinuxNamespaceType]bool) bool {
	if s.Linux == nil {
		return false
	}
	for _, ns := range s.Linux.Namespaces {
		if ns.Type == specs.MountNamespace {
			return ns.Path != "" && !ours[ns.Type]
		}
	}
	return false
}
