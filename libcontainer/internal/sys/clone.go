package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// CloneArgs is struct clone_args of clone3(2).
type CloneArgs struct {
	Flags, PidFD, ChildTID, ParentTID, ExitSignal uint64
	Stack, StackSize, TLS, SetTID, SetTIDSize     uint64
	Cgroup                                        uint64
}

// Fresh is a flag for every child: a signal that it gets before execve must not look like
// one that was sent to us. The Go runtime resets the handlers that it knows of, but not those
// of package sigpipe for what it leaves alone, SIGCONT and SIGTSTP, or found ignored
// (clone(2) CLONE_CLEAR_SIGHAND, since Linux 5.5).
const Fresh = unix.CLONE_CLEAR_SIGHAND

// Pointers gives strings as execve(2) takes them.
func Pointers(list []string) (*(*byte), error) {
	p, err := syscall.SlicePtrFromStrings(list)
	if err != nil {
		return nil, err
	}
	return &p[0], nil
}
