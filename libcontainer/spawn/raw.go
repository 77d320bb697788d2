package spawn

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/child"
	"github.com/mdrun/mdrun/libcontainer/internal/goruntime"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/libcontainer/internal/wire"
)

// The Go runtime cannot enter a user, mount or time namespace: it has threads. So
// we fork by ourselves (package goruntime), and the child speaks raw system calls only.
//
//	host -- clone3(INTO_CGROUP) --> first: setns(...) of every namespace
//	                                first -- clone3(PARENT, new namespaces) --> second: execveat
//
// The first is born into the cgroup: after it has entered a user namespace the
// kernel would refuse it the host's cgroup. The second inherits, has the host for
// its parent, and is truly inside the pid and time namespaces, which setns(2) only
// sets for children.

// ErrKilled is a child that was killed before it said anything.
var ErrKilled = errors.New("container init was killed by SIGKILL before it was set up")

// stages of the raw child, as it reports them.
const (
	stageBorn = iota
	stageJoin
	stageClone
	stageExec
)

// rawArgs is all that the raw child needs, prepared before the fork: it may not
// allocate.
type rawArgs struct {
	first, second sys.CloneArgs
	join          []rawJoin
	keep          []uintptr // descriptors that lose close-on-exec
	exe           uintptr
	report        uintptr
	argv, envp    *(*byte)
	becomeRoot    bool
	spareGID      uintptr
}

type rawJoin struct{ fd, kind uintptr }

type rawReport struct{ Stage, Index, Errno, PID int32 }

// forkPlain makes the child by a plain fork.
func forkPlain(c *Config, conn wire.Conn, join []Join) (*Child, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	join = orderJoins(join)
	mark := child.Mark{Conn: int(conn), Proc: c.Proc, Fifo: c.Fifo, RestoreTHP: c.RestoreTHP, RealGID: -1}
	a := &rawArgs{exe: uintptr(c.Exe), report: w.Fd(), keep: []uintptr{0, 1, 2, uintptr(conn), uintptr(c.Proc)}}
	if c.Fifo >= 0 {
		a.keep = append(a.keep, uintptr(c.Fifo))
	}
	for i := range c.Preserve {
		a.keep = append(a.keep, uintptr(3+i))
	}
	for _, j := range join {
		a.join = append(a.join, rawJoin{uintptr(j.FD), uintptr(j.Type)})
		a.becomeRoot = a.becomeRoot || j.Type == unix.CLONE_NEWUSER
		if j.Type == unix.CLONE_NEWPID {
			mark.RealGID, a.spareGID = unix.Getegid(), uintptr(unix.Getegid()+1)
		}
	}
	if a.becomeRoot && mark.RealGID >= 0 {
		mark.RealGID = 0
		a.spareGID = 1
	}
	a.first = sys.CloneArgs{Flags: sys.Fresh, ExitSignal: uint64(unix.SIGCHLD)}
	if c.Cgroup >= 0 {
		a.first.Flags, a.first.Cgroup = sys.Fresh|unix.CLONE_INTO_CGROUP, uint64(c.Cgroup)
	}
	a.second = sys.CloneArgs{Flags: unix.CLONE_PARENT | uint64(c.New&^unix.CLONE_NEWTIME)}
	if a.argv, err = sys.Pointers([]string{child.Comm}); err != nil {
		return nil, err
	}
	if a.envp, err = sys.Pointers(environ(mark)); err != nil {
		return nil, err
	}
	return runPlain(a, r, w, join)
}

// orderJoins puts the user namespace last but for the mount namespace: the host's
// rights are needed to enter what the host owns, and nothing is lost by entering
// the others first.
func orderJoins(join []Join) []Join {
	var first, last []Join
	for _, j := range join {
		if j.Type == unix.CLONE_NEWUSER {
			last = append(last, j)
		} else {
			first = append(first, j)
		}
	}
	return append(first, last...)
}

func runPlain(a *rawArgs, r, w *os.File, join []Join) (*Child, error) {
	syscall.ForkLock.Lock()
	first, errno := fork(a)
	syscall.ForkLock.Unlock()
	w.Close()
	if errno != 0 {
		return nil, sys.Fail(errno, "clone3", "CLONE_INTO_CGROUP")
	}
	var pid int
	var failed error
	for {
		var report rawReport
		if err := binary.Read(r, binary.NativeEndian, &report); err != nil {
			if err != io.EOF && failed == nil {
				failed = err
			}
			break
		}
		if report.Stage == stageBorn {
			pid = int(report.PID)
			continue
		}
		failed = stageError(report, join)
	}
	var status unix.WaitStatus
	_ = sys.Retry(func() error { _, err := unix.Wait4(first, &status, 0, nil); return err })
	switch {
	case failed != nil || pid != 0:
	case status.Signaled() && status.Signal() == unix.SIGKILL:
		failed = ErrKilled
	default:
		failed = &Refused{Text: "the first child ended before it had made the second (" + statusText(status) + ")"}
	}
	if failed != nil {
		if pid != 0 {
			_, _ = unix.Wait4(pid, &status, 0, nil)
		}
		return nil, failed
	}
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, sys.Fail(err, "pidfd_open", sys.Int(pid))
	}
	return &Child{PID: pid, PidFD: pidfd}, nil
}

func statusText(s unix.WaitStatus) string {
	if s.Signaled() {
		return "signal " + s.Signal().String()
	}
	return "status " + sys.Int(s.ExitStatus())
}

func stageError(r rawReport, join []Join) error {
	errno := syscall.Errno(r.Errno)
	switch r.Stage {
	case stageJoin:
		return joinError(join[r.Index], errno)
	case stageClone:
		return sys.Fail(errno, "clone3", "CLONE_PARENT and the new namespaces")
	}
	return sys.Fail(errno, "execveat", "the runtime's executable")
}

// fork makes the first child. In the child it never returns.
//
//go:noinline
//go:norace
//go:nosplit
func fork(a *rawArgs) (int, syscall.Errno) {
	goruntime.BeforeFork()
	pid, _, errno := syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&a.first)), unsafe.Sizeof(a.first), 0)
	if errno != 0 || pid != 0 {
		goruntime.AfterFork()
		return int(pid), errno
	}
	goruntime.AfterForkInChild()
	// Until it executes the runtime's image the second child is a copy of the host's
	// process: those who may trace in a joined user namespace must not (ptrace(2),
	// "Ptrace access mode checking").
	syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0, 0, 0, 0, 0)
	for i := range a.join {
		if _, _, errno := syscall.RawSyscall(unix.SYS_SETNS, a.join[i].fd, a.join[i].kind, 0); errno != 0 {
			die(a, stageJoin, i, errno)
		}
	}
	pid, _, errno = syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&a.second)), unsafe.Sizeof(a.second), 0)
	if errno != 0 {
		die(a, stageClone, 0, errno)
	}
	if pid != 0 {
		say(a, rawReport{Stage: stageBorn, PID: int32(pid)})
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	become(a)
	return 0, 0
}

// become turns the second child into the runtime's image.
//
//go:noinline
//go:norace
//go:nosplit
func become(a *rawArgs) {
	if a.becomeRoot {
		// The maps of a joined namespace may lack id 0; then the plan's own
		// user step says what is wrong.
		syscall.RawSyscall(unix.SYS_SETRESGID, 0, 0, 0)
		syscall.RawSyscall(unix.SYS_SETRESUID, 0, 0, 0)
	}
	if a.spareGID != 0 {
		// execve makes a process dumpable again unless its real and effective ids
		// differ (fs/exec.c, begin_new_exec); only so can no process of a joined
		// pid namespace attach to us in between.
		syscall.RawSyscall(unix.SYS_SETRESGID, a.spareGID, ^uintptr(0), ^uintptr(0))
	}
	for i := range a.keep {
		syscall.RawSyscall(unix.SYS_FCNTL, a.keep[i], unix.F_SETFD, 0)
	}
	var empty [1]byte
	_, _, errno := syscall.RawSyscall6(unix.SYS_EXECVEAT, a.exe, uintptr(unsafe.Pointer(&empty[0])),
		uintptr(unsafe.Pointer(a.argv)), uintptr(unsafe.Pointer(a.envp)), unix.AT_EMPTY_PATH, 0)
	die(a, stageExec, 0, errno)
}

//go:noinline
//go:norace
//go:nosplit
func die(a *rawArgs, stage int32, index int, errno syscall.Errno) {
	say(a, rawReport{Stage: stage, Index: int32(index), Errno: int32(errno)})
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 1, 0, 0)
	}
}

//go:noinline
//go:norace
//go:nosplit
func say(a *rawArgs, r rawReport) {
	syscall.RawSyscall(unix.SYS_WRITE, a.report, uintptr(unsafe.Pointer(&r)), unsafe.Sizeof(r))
}
