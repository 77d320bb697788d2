package spawn

import (
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Initialising is for a program that does its work in an init function. All of these run
// on the startup thread, which their goroutine does not leave (runtime.LockOSThread): that
// call would only make one more thread, the runtime's template for others.
var Initialising bool

// NewNetwork makes a network namespace that belongs to our user namespace, sets its loopback
// interface up, and gives a descriptor of it. That takes the kernel longer than to make
// all others together (0.4 of 0.5 ms), so it is no flag of clone3(2): it is done while the
// child starts up, which then enters it.
func NewNetwork() (int, error) {
	if !Initialising {
		runtime.LockOSThread()
	}
	fd, spoiled, err := changeNetwork()
	if !Initialising && !spoiled {
		runtime.UnlockOSThread()
	}
	return fd, err
}

// changeNetwork takes this thread into the new namespace and back; spoiled says that it has
// not come back.
func changeNetwork() (fd int, spoiled bool, err error) {
	own, err := network()
	if err != nil {
		return -1, false, err
	}
	defer unix.Close(own)
	fd, err = madeNetwork()
	if back := unix.Setns(own, unix.CLONE_NEWNET); back != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return -1, true, sys.Fail(back, "setns", "the runtime's own network namespace")
	}
	return fd, false, err
}

// madeNetwork leaves the thread in a new one.
func madeNetwork() (int, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return -1, sys.Fail(err, "unshare", "CLONE_NEWNET")
	}
	if err := sys.RaiseLoopback(); err != nil {
		return -1, err
	}
	return network()
}

// network gives a descriptor of the network namespace that this thread is in. A socket
// knows its own (SIOCGSKNS, Linux 4.10), whatever is mounted on /proc.
func network() (int, error) {
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, sys.Fail(err, "socket", "AF_UNIX", "SOCK_STREAM")
	}
	defer unix.Close(s)
	fd, err := unix.IoctlRetInt(s, unix.SIOCGSKNS)
	if err != nil {
		return -1, sys.Fail(err, "ioctl", "SIOCGSKNS")
	}
	return fd, nil
}
