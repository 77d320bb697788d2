package hook

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/goruntime"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Held is a process that waits behind a gate to become a hook: it can be written
// down before it has done anything. It ends by itself when we end before the gate opens.
type Held struct {
	Process
	gate int
}

// heldArgs is all that the raw child needs, prepared before the fork: it may not
// allocate.
type heldArgs struct {
	clone        sys.CloneArgs
	pidfd        int32
	gate         uintptr // the child's end
	in, out, dir uintptr
	keep         [4]uintptr // these, in their order
	path         *byte
	argv, envp   *(*byte)
	opened       byte
	errno        int32
	untracing    bool
	header       unix.CapUserHeader
	capabilities [2]unix.CapUserData
}

// Hold makes the process, in the working directory dir (a descriptor).
func Hold(p *Program, dir int) (*Held, error) {
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
	pid, pidfd, err := forkBehind(p, stdio, gate[1], dir)
	if err != nil {
		unix.Close(stdio.Output)
		unix.Close(gate[0])
		return nil, err
	}
	return &Held{Process: Process{Program: p, PID: pid, PidFD: pidfd, Output: stdio.Output}, gate: gate[0]}, nil
}

func forkBehind(p *Program, stdio Stdio, gate, dir int) (pid, pidfd int, err error) {
	a := &heldArgs{gate: uintptr(gate), in: uintptr(stdio.In), out: uintptr(stdio.Out), dir: uintptr(dir)}
	a.keep = [4]uintptr{a.gate, a.in, a.out, a.dir}
	for i := range a.keep { // in their order, without package slices
		for j := i; j > 0 && a.keep[j] < a.keep[j-1]; j-- {
			a.keep[j], a.keep[j-1] = a.keep[j-1], a.keep[j]
		}
	}
	if a.path, err = syscall.BytePtrFromString(p.Path); err != nil {
		return 0, -1, err
	}
	if a.argv, err = sys.Pointers(p.Argv()); err != nil {
		return 0, -1, err
	}
	if a.envp, err = sys.Pointers(p.Env); err != nil {
		return 0, -1, err
	}
	if a.untracing = p.Untracing; p.Untracing {
		if err := a.withoutTracing(); err != nil {
			return 0, -1, err
		}
	}
	a.clone = sys.CloneArgs{Flags: sys.Fresh | unix.CLONE_PIDFD, ExitSignal: uint64(unix.SIGCHLD)}
	syscall.ForkLock.Lock()
	pid, errno := forkHeld(a)
	syscall.ForkLock.Unlock()
	if errno != 0 {
		return 0, -1, sys.Fail(errno, "clone3", "CLONE_PIDFD")
	}
	return pid, int(a.pidfd), nil
}

// withoutTracing takes note of our capabilities, less one.
func (a *heldArgs) withoutTracing() error {
	a.header.Version = unix.LINUX_CAPABILITY_VERSION_3
	if err := unix.Capget(&a.header, &a.capabilities[0]); err != nil {
		return sys.Fail(err, "capget")
	}
	const trace = 1 << unix.CAP_SYS_PTRACE
	a.capabilities[0].Effective &^= trace
	a.capabilities[0].Permitted &^= trace
	a.capabilities[0].Inheritable &^= trace
	return nil
}

// Open lets the process become the hook, and returns when it has, or why it has not. The
// time of the hook counts: execve(2) waits for a filesystem that does not answer. One whose
// time is up is for Wait to end.
func (h *Held) Open() error {
	h.Began = Now()
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
func (h *Held) Drop() {
	unix.Close(h.gate)
	h.reap()
}

func (h *Held) reap() {
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
func forkHeld(a *heldArgs) (int, syscall.Errno) {
	goruntime.BeforeFork()
	// Not earlier: a stack that grows moves what lies on it.
	a.clone.PidFD = uint64(uintptr(unsafe.Pointer(&a.pidfd)))
	pid, _, errno := syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&a.clone)), unsafe.Sizeof(a.clone), 0)
	if errno != 0 || pid != 0 {
		goruntime.AfterFork()
		return int(pid), errno
	}
	goruntime.AfterForkInChild()
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
func becomeHook(a *heldArgs) {
	syscall.RawSyscall(unix.SYS_FCHDIR, a.dir, 0, 0)
	// Everything of ours lies above 2: the Go runtime opens what was closed there.
	syscall.RawSyscall(unix.SYS_DUP3, a.in, 0, 0)
	syscall.RawSyscall(unix.SYS_DUP3, a.out, 1, 0)
	syscall.RawSyscall(unix.SYS_DUP3, a.out, 2, 0)
	if a.untracing {
		// Root has what is in the bounding set after execve, unless no_new_privs keeps it
		// to what it has (security/commoncap.c, cap_bprm_creds_from_file).
		_, _, errno := syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
		if errno == 0 {
			_, _, errno = syscall.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&a.header)), uintptr(unsafe.Pointer(&a.capabilities[0])), 0)
		}
		if errno != 0 {
			failHook(a, errno)
		}
	}
	_, _, errno := syscall.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(a.path)), uintptr(unsafe.Pointer(a.argv)), uintptr(unsafe.Pointer(a.envp)))
	failHook(a, errno)
}

// failHook says why there is no hook.
//
//go:noinline
//go:norace
//go:nosplit
func failHook(a *heldArgs, errno syscall.Errno) {
	a.errno = int32(errno)
	syscall.RawSyscall(unix.SYS_WRITE, a.gate, uintptr(unsafe.Pointer(&a.errno)), 4)
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 127, 0, 0)
	}
}
