// Package sandbox gives a test program a small world of its own, so that the
// container runtime it drives cannot reach anything of the machine:
//
//   - a cgroup below the machine's cgroup v2 tree, seen as the whole of a pure
//     cgroup v2 hierarchy at /sys/fs/cgroup, the program itself in /host of it;
//   - new pid, mount, cgroup, network, ipc and uts namespaces, with a process 1
//     that reaps orphans and does nothing else;
//   - fresh /proc, /sys, /run, /tmp and a /dev of its own with the few device nodes
//     that are harmless; the rest of the file system stays as it is.
//
// Call Reexec first thing in main or TestMain. What is found later in /proc, in
// /sys/fs/cgroup, in the mount table, in /run or in /tmp was put there by the test.
package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// RootVar names the environment variable that replaces the root directory: the
// sandbox then shows that tree, read-only, instead of the machine's. It serves to
// run a runtime of another distribution together with its libraries.
const RootVar = "MDRUN_SANDBOX_ROOT"

// stageVar says how far a process has come: absent outside, stageInit in process 1,
// stageInside in the test program and everything it starts.
const (
	stageVar    = "MDRUN_SANDBOX_STAGE"
	stageInit   = "init"
	stageInside = "inside"
)

// Available tells why no sandbox can be made here; nil means that Reexec will work
// as far as can be known without trying.
func Available() error {
	if os.Getenv(stageVar) != "" {
		return nil
	}
	if os.Geteuid() != 0 {
		return errors.New("a sandbox needs root: namespaces, device nodes and a cgroup of its own")
	}
	_, err := hierarchy()
	return err
}

// Inside reports whether the calling program runs in a sandbox already.
func Inside() bool { return os.Getenv(stageVar) == stageInside }

// Reexec returns in a sandbox. It starts the program anew in there, with the same
// arguments, environment and standard files; outside, it waits, cleans up, and
// exits with the status of the one inside (128 + N for signal N). Programs that
// are started inside return from Reexec at once. Where no sandbox can be made it
// prints why and exits with 1.
func Reexec() {
	switch os.Getenv(stageVar) {
	case stageInside:
		defaultSignals()
		return
	case stageInit:
		os.Exit(report(beInit()))
	default:
		os.Exit(report(stayOutside()))
	}
}

// defaultSignals gives every signal that the caller ignores its default action, for
// what is started from here: some callers ignore signals that a C library keeps to
// itself (32 and 33), which a runtime written in C then cannot give back.
func defaultSignals() {
	const ignored = 1
	for sig := uintptr(1); sig <= 64; sig++ {
		var old, none struct{ handler, flags, restorer, mask uintptr } // struct sigaction of rt_sigaction(2)
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, 0, uintptr(unsafe.Pointer(&old)), 8, 0, 0)
		if errno == 0 && old.handler == ignored {
			_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&none)), 0, 8, 0, 0)
		}
	}
}

func report(status int, err error) int {
	if err == nil {
		return status
	}
	fmt.Fprintln(os.Stderr, "sandbox:", err)
	return 1
}

// stayOutside makes the cgroup, starts process 1 in it and cleans up after it.
func stayOutside() (int, error) {
	if err := Available(); err != nil {
		return 0, err
	}
	cg, err := makeCgroup()
	if err != nil {
		return 0, err
	}
	defer cg.remove()

	// The child is told to die with its parent *thread*, see prctl(2)
	// PR_SET_PDEATHSIG: this thread must last as long as the process.
	runtime.LockOSThread()
	// Descriptors the caller left open are not the test's business.
	if err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return 0, fmt.Errorf("keep descriptors out: close_range(3): %w", err)
	}
	cmd := again(stageInit)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		// Unshared after birth, when the child is in its cgroup already: the root of
		// a cgroup namespace is the cgroup of whoever calls, see cgroup_namespaces(7),
		// and with clone that would be ours.
		Unshareflags: unix.CLONE_NEWCGROUP | unix.CLONE_NEWNS,
		UseCgroupFD:  true,
		CgroupFD:     int(cg.dir.Fd()),
		Pdeathsig:    unix.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start process 1: %w", err)
	}
	stop := forward(cmd.Process)
	defer stop()
	if err := cmd.Wait(); err != nil && cmd.ProcessState == nil {
		return 0, err
	}
	return status(cmd.ProcessState.Sys().(syscall.WaitStatus)), nil
}

// beInit is process 1: it furnishes the sandbox, starts the test program, reaps
// orphans, and ends when the program does. The kernel then kills what is left.
func beInit() (int, error) {
	if err := furnish(os.Getenv(RootVar)); err != nil {
		return 0, err
	}
	cmd := again(stageInside)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start the program: %w", err)
	}
	defer forward(cmd.Process)()
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, os.NewSyscallError("wait4", err)
		case pid == cmd.Process.Pid:
			return status(ws), nil
		}
	}
}

// again is the program itself, with the mark of the stage it is to take up.
func again(stage string) *exec.Cmd {
	// Not by its name: a test binary lies in /tmp, which is replaced.
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = os.Args
	cmd.Env = append(os.Environ(), stageVar+"="+stage)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

// forward hands signals on, SIGQUIT among them: with it the go command asks a test
// that takes too long for its goroutines.
func forward(p *os.Process) (stop func()) {
	c := make(chan os.Signal, 8)
	signal.Notify(c, unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP)
	go func() {
		for s := range c {
			// It may have ended just now, which the caller sees by itself.
			_ = p.Signal(s)
		}
	}()
	return func() { signal.Stop(c); close(c) }
}

func status(ws syscall.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}
