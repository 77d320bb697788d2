package libcontainer

import (
	"errors"
	"strings"
	"syscall"

	"github.com/mdrun/mdrun/libcontainer/compile"
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
	{"clone3", syscall.EOPNOTSUPP, "The cgroup is threaded, or lies in one that is, and takes no processes: give another .linux.cgroupsPath."},
	{"unshare(CLONE_NEWNET", syscall.ENOSPC, "The limit of network namespaces is reached: see /proc/sys/user/max_net_namespaces."},
	{"unshare(CLONE_NEWNET", syscall.EPERM, "Making a network namespace needs root, or a user namespace in .linux.namespaces."},
	{"setns", syscall.EINVAL, "The file is a namespace of another type than .linux.namespaces says, or one that this process may not enter."},
	{"setns", syscall.EPERM, "The namespace belongs to another user namespace: join that one too."},
	{"mount(", syscall.ENOENT, "The source, or a path in the options, does not exist on the host."},
	{"open_tree", syscall.ELOOP, "A link of the host leads to itself."},
	{"openat2", syscall.ELOOP, "A link in the root filesystem leads to itself, or is one of those below /proc/PID, which are not followed, or there are more than 40 on the way."},
	{"", syscall.ENOSYS, "The kernel lacks this system call: mdrun needs Linux 5.14 or newer."},
	{`write("/proc/self/oom_score_adj"`, syscall.EACCES, "Lowering it needs CAP_SYS_RESOURCE on the host."},
	{`write("/proc/`, syscall.ERANGE, "With this offset the clock would be negative, or beyond what the kernel counts to."},
	{"openat2(the root", syscall.EACCES, "A folder of the root filesystem is closed to the user that the container's root is on the host: see its mode and owner."},
	{"", syscall.EROFS, "The filesystem is read-only here: make the path in the image, or mount a tmpfs over it."},
	{"", syscall.ENOSPC, "The filesystem is full."},
}

// kernelHints maps a part of the kernel's own sentence to what can be done.
var kernelHints = []struct{ sentence, text string }{
	{"Invalid gid", "The group has no id in the container's user namespace: map it, or leave the option out."},
	{"Invalid uid", "The user has no id in the container's user namespace: map it, or leave the option out."},
	{"Bad value for 'size'", "Give a number of bytes, with k, m or g behind it if you like, or a part of the memory, such as 50%."},
	{"Bad value for 'mode'", "Give an octal number, such as 755 or 1777."},
	{"hidepid", "Give off, noaccess, invisible or ptraceable, or 0, 1, 2 or 4."},
	{"Bad value for", "Manual page mount(8) tells what the option takes."},
}

func sentenceHint(kernel string) string {
	if meant := meantOption(kernel); meant != "" {
		return "Did you mean the option " + meant + "?"
	}
	for _, h := range kernelHints {
		if strings.Contains(kernel, h.sentence) {
			return h.text
		}
	}
	return ""
}

// meantOption reads what a filesystem says of an option that it does not know, such as
// "tmpfs: Unknown parameter 'szie'", and gives the one that may have been meant.
func meantOption(kernel string) string {
	filesystem, rest, _ := strings.Cut(kernel, ": ")
	word, ok := strings.CutPrefix(strings.ToLower(rest), "unknown parameter '")
	if !ok {
		return ""
	}
	return compile.NearOption(filesystem, strings.TrimSuffix(word, "'"))
}

func hint(e *Error) string {
	var call *sys.Error
	if !errors.As(e.Err, &call) {
		return ""
	}
	if call.Hint != "" {
		return call.Hint
	}
	if text := sentenceHint(call.Kernel); text != "" {
		return text
	}
	if strings.HasPrefix(e.Field, ".linux.namespaces[") && call.Errno == syscall.ENOENT {
		return "There is no such namespace: one at /proc/PID/ns ends with its last process."
	}
	for _, h := range hints {
		if h.errno == syscall.EROFS && e.Step == "" {
			continue // not in the container
		}
		if h.errno == call.Errno && len(call.Call) >= len(h.call) && call.Call[:len(h.call)] == h.call {
			return h.text
		}
	}
	return ""
}
