package spawn

import (
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/goruntime"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// UserNamespace makes a user namespace that nobody is in, only to be the map of mounts
// (mount_setattr(2)). proc is a handle of /proc.
//
// The child that it is made for lives until we close a pipe, which we also do when we are
// killed: nothing stays behind us.
func UserNamespace(proc int, uid, gid []Mapping) (int, error) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return -1, sys.Fail(err, "pipe2")
	}
	args := waiting{clone: sys.CloneArgs{Flags: unix.CLONE_NEWUSER, ExitSignal: uint64(unix.SIGCHLD)}, read: uintptr(pipe[0]), write: uintptr(pipe[1])}
	pid := 0
	err := ownedByNobody(rootOf(uid), func() error {
		syscall.ForkLock.Lock()
		defer syscall.ForkLock.Unlock()
		var errno syscall.Errno
		if pid, errno = forkWaiting(&args); errno != 0 {
			return errno
		}
		return nil
	})
	unix.Close(pipe[0])
	if err != nil {
		unix.Close(pipe[1])
		return -1, sys.Fail(err, "clone3", "CLONE_NEWUSER")
	}
	defer func() {
		unix.Close(pipe[1])
		_ = sys.Retry(func() error { _, err := unix.Wait4(pid, nil, 0, nil); return err })
	}()
	folder := strconv.Itoa(pid)
	if err := writeMap(proc, folder+"/uid_map", uid); err != nil {
		return -1, err
	}
	if err := writeMap(proc, folder+"/gid_map", gid); err != nil {
		return -1, err
	}
	return OpenUserNamespace(proc, pid)
}

// OpenUserNamespace opens the user namespace of a process. proc is a handle of /proc.
func OpenUserNamespace(proc, pid int) (int, error) {
	path := strconv.Itoa(pid) + "/ns/user"
	fd, err := unix.Openat(proc, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, sys.Fail(err, "openat", sys.Quote("/proc/"+path))
	}
	return fd, nil
}

// writeMap writes a map in one call: a second one would be refused.
func writeMap(proc int, path string, list []Mapping) error {
	text := ""
	for _, m := range list {
		text += sys.Int(int(m.Inside)) + " " + sys.Int(int(m.Outside)) + " " + sys.Int(int(m.Size)) + "\n"
	}
	fd, err := unix.Openat(proc, path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return sys.Fail(err, "openat", sys.Quote("/proc/"+path))
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(text)); err != nil {
		return sys.Fail(err, "write", sys.Quote("/proc/"+path), sys.Quote(text))
	}
	return nil
}

// waiting is what the child of forkWaiting needs.
type waiting struct {
	clone       sys.CloneArgs
	read, write uintptr // the ends of the pipe
}

// forkWaiting makes a child that does nothing but wait for the end of a pipe.
//
//go:noinline
//go:norace
//go:nosplit
func forkWaiting(a *waiting) (int, syscall.Errno) {
	goruntime.BeforeFork()
	pid, _, errno := syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&a.clone)), unsafe.Sizeof(a.clone), 0)
	if errno != 0 || pid != 0 {
		goruntime.AfterFork()
		return int(pid), errno
	}
	// All signals are blocked here, and the only byte that could come is the end.
	var end [1]byte
	syscall.RawSyscall(unix.SYS_CLOSE, a.write, 0, 0)
	syscall.RawSyscall(unix.SYS_READ, a.read, uintptr(unsafe.Pointer(&end)), 1)
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}
