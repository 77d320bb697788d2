package libcontainer

import (
	"errors"
	"syscall"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// hints maps what a call answered to what a person can do about it. A step that
// knows better gives its own hint.
var hints = []struct {
	call  string // the beginning of the call; "" for any
	errno syscall.Errno
	text  string
}{
	{"clone3", syscall.ENOSPC, "The limit of namespaces or of their depth is reached: see /proc/sys/user/max_*_namespaces."},
	{"clone3", syscall.EPERM, "Making these namespaces needs root, or a user namespace in .linux.namespaces."},
	{"clone3", syscall.EAGAIN, "The limit of processes is reached: see pids.max of the cgroup and ulimit -u."},
	{"clone3", syscall.EBUSY, "The cgroup has children with domain controllers, so it may hold no processes itself: give another .linux.cgroupsPath."},
	{"setns", syscall.EINVAL, "The file is a namespace of another type than .linux.namespaces says, or one that this process may not enter."},
	{"setns", syscall.EPERM, "The namespace belongs to another user namespace: join that one too."},
	{"", syscall.ENOSYS, "The kernel lacks this system call: mdrun needs Linux 5.14 or newer."},
	{"", syscall.EROFS, "The filesystem is read-only here: make the path in the image, or mount a tmpfs over it."},
	{"", syscall.ENOSPC, "The filesystem is full."},
}

func hint(e *Error) string {
	var call *sys.Error
	if !errors.As(e.Err, &call) {
		return ""
	}
	for _, h := range hints {
		if h.errno == call.Errno && len(call.Call) >= len(h.call) && call.Call[:len(h.call)] == h.call {
			return h.text
		}
	}
	return ""
}
