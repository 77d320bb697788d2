package spawn

import (
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/hook"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// HeldHook is a process that waits behind a gate to become a hook: it can be written
// down before it has done anything. It ends by itself when we end before the gate opens.
type HeldHook struct {
	hook.Process
	gate int
}

// hookArgs is all that the raw child needs, prepared before the fork: it may not
// allocate.
type hookArgs struct {
	clone        cloneArgs
	pidfd        int32
	gate         uintptr // the child's end
	in, out, dir uintptr
	keep         [4]uintptr // these, in their order
	path         *byte
	argv, envp   *(*byte)
	opened       byte
	errno        int32
}

// HoldHook makes the process, in the working directory dir (a descriptor).
func HoldHook(p *hook.Program, dir int) (*HeldHook, error) {
	stdio, err := p.Stdio()
	if err != nil {
		return nil, err
	}
	defer stdio.Close()
	gate, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		unix.Close(stdio.Output)
		return nil, sys.Fail(err, "socketpair", "AF_UNIX", "SOCK_STREAM")
	}
	defer unix.Close(gate[1])
	pid, pidfd, err := forkHook(p, stdio, gate[1], dir)
	if err != nil {
		unix.Close(stdio.Output)
		unix.Close(gate[0])
		return nil, err
	}
	return &HeldHook{Process: hook.Process{Program: p, PID: pid, PidFD: pidfd, Output: stdio.Output}, gate: gate[0]}, nil
}

func forkHook(p *hook.Program, stdio hook.Stdio, gate, dir int) (pid, pidfd int, err error) {
	a := &hookArgs{gate: uintptr(gate), in: uintptr(stdio.In), out: uintptr(stdio.Out), dir: uintptr(dir)}
	a.keep = [4]uintptr{a.gate, a.in, a.out, a.dir}
	slices.Sort(a.keep[:])
	if a.path, err = syscall.BytePtrFromString(p.Path); err != nil {
		return 0, -1, err
	}
	if a.argv, err = pointers(p.Argv()); err != nil {
		return 0, -1, err
	}
	if a.envp, err = pointers(p.Env); err != nil {
		return 0, -1, err
	}
	a.clone = cloneArgs{flags: fresh | unix.CLONE_PIDFD, exitSignal: uint64(unix.SIGCHLD)}
	syscall.ForkLock.Lock()
	pid, errno := forkHeld(a)
	syscall.ForkLock.Unlock()
	if errno != 0 {
		return 0, -1, sys.Fail(errno, "clone3", "CLONE_PIDFD")
	}
	return pid, int(a.pidfd), nil
}

// Open lets the process become the hook, and returns when it has, or why it has not. The
// time of the hook counts: execve(2) waits for a filesystem that does not answer. One whose
// time is up is for Wait to end.
func (h *HeldHook) Open() error {
	h.Began = hook.Now()
	defer unix.Close(h.gate)
	// EPIPE: it was killed at the gate, which Wait will tell.
	_, _ = unix.Write(h.gate, []byte{1})
	if !h.Await(h.gate) {
		return nil
	}
	var answer [4]byte
	n, err := unix.Read(h.gate, answer[:])
	for err == unix.EINTR {
		n, err = unix.Read(h.gate, answer[:])
	}
	if n < len(answer) {
		return nil // closed by execve, or by the end of the process
	}
	errno := *(*int32)(unsafe.Pointer(&answer))
	h.reap()
	return h.Program.Cannot("execve", syscall.Errno(errno))
}

// Drop ends the process at its gate.
func (h *HeldHook) Drop() {
	unix.Close(h.gate)
	h.reap()
}

func (h *HeldHook) reap() {
	var status unix.WaitStatus
	_ = sys.Retry(func() error { _, err := unix.Wait4(h.PID, &status, 0, nil); return err })
	unix.Close(h.PidFD)
	unix.Close(h.Output)
}

// forkHeld makes the process. In the child it never returns: see fork.
//
//go:noinline
//go:norace
//go:nosplit
func forkHeld(a *hookArgs) (int, syscall.Errno) {
	runtimeBeforeFork()
	// Not earlier: a stack that grows moves what lies on it.
	a.clone.pidFD = uint64(uintptr(unsafe.Pointer(&a.pidfd)))
	pid, _, errno := syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&a.clone)), unsafe.Sizeof(a.clone), 0)
	if errno != 0 || pid != 0 {
		runtimeAfterFork()
		return int(pid), errno
	}
	runtimeAfterForkInChild()
	// A session has a process group of its own, and no terminal.
	syscall.RawSyscall(unix.SYS_SETSID, 0, 0, 0)
	// What it waits with is its own alone: with our end of the gate open here too, the end
	// of the runtime would not be the end of file, nor would it free the container's lock.
	low := uintptr(3)
	for i := range a.keep {
		if low < a.keep[i] {
			syscall.RawSyscall(unix.SYS_CLOSE_RANGE, low, a.keep[i]-1, 0)
		}
		low = a.keep[i] + 1
	}
	syscall.RawSyscall(unix.SYS_CLOSE_RANGE, low, 1<<32-1, 0)
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_READ, a.gate, uintptr(unsafe.Pointer(&a.opened)), 1)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 || n != 1 {
			syscall.RawSyscall(unix.SYS_EXIT_GROUP, 1, 0, 0)
		}
		break
	}
	becomeHook(a)
	return 0, 0
}

// becomeHook executes the hook.
//
//go:noinline
//go:norace
//go:nosplit
func becomeHook(a *hookArgs) {
	syscall.RawSyscall(unix.SYS_FCHDIR, a.dir, 0, 0)
	// Everything of ours lies above 2: the Go runtime opens what was closed there.
	syscall.RawSyscall(unix.SYS_DUP3, a.in, 0, 0)
	syscall.RawSyscall(unix.SYS_DUP3, a.out, 1, 0)
	syscall.RawSyscall(unix.SYS_DUP3, a.out, 2, 0)
	_, _, errno := syscall.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(a.path)), uintptr(unsafe.Pointer(a.argv)), uintptr(unsafe.Pointer(a.envp)))
	a.errno = int32(errno)
	syscall.RawSyscall(unix.SYS_WRITE, a.gate, uintptr(unsafe.Pointer(&a.errno)), 4)
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 127, 0, 0)
	}
}
