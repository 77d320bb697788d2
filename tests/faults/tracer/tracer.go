// Package tracer runs a program under ptrace and kills it, or one of its children,
// or all of them, just before a chosen system call; or stops one, so that those who
// wait for it hang.
//
// It follows every process and thread that the program brings forth until one of
// them executes the payload, the container's own program, which is let go. System
// calls are numbered per process and only those count that change something (see
// changes), so that what the scheduler does to the order of futexes and the like
// moves no number. A process is named by its order of birth: 0 is the program.
package tracer

import (
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Point is a system call, counted in one process of the tree.
type Point struct {
	Proc int    `json:"proc"` // 0 the program itself, then its children by birth
	N    int    `json:"n"`    // the N-th counted call of that process, from 1
	Call string `json:"call"` // for people: "mkdir /run/x"
	// After is when it was made, counted from the program's start.
	After time.Duration `json:"after"`
}

// Whom tells who is killed at a point.
type Whom int

// The zero Whom is nobody: the tree is recorded and runs to its end.
const (
	Nobody Whom = iota
	Caller      // the process that is about to make the call
	Tree        // every process of the tree
	Halt        // the process that is about to make the call, which is not killed but stopped (SIGSTOP)
)

// Program is what to run and how to watch it.
type Program struct {
	Path    string
	Args    []string // with the name first
	Env     []string
	Dir     string
	Files   []uintptr   // stdin, stdout, stderr
	Payload os.FileInfo // a process that executes this file is not followed further
	Adopt   []int       // processes alive already that belong to the tree, as Proc 1 and so on
	Fine    bool        // count every call but the Go runtime's housekeeping
	Limit   time.Duration
	Kill    Whom
	At      Point  // Proc and N matter
	OnHit   func() // called at the point, when the kill is done; may be nil
}

// Result is what came of it.
type Result struct {
	Points []Point            // every counted call up to the kill, in order
	Hit    bool               // the point was reached and the kill (or halt) done
	Hang   bool               // the program did not end within its limit
	Status syscall.WaitStatus // of the program
}

const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACECLONE |
	unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEEXEC

// calm is how long children may run on after the program has ended, counted from
// their last stop: an init still opens its FIFO when create is over.
const calm = 25 * time.Millisecond

type process struct {
	ordinal int
	counted int
}

type tracer struct {
	Program
	res     Result
	began   time.Time
	main    int
	gone    bool // the program has ended and was reaped
	freeing bool // the kill is done or the end reached: every stop is answered by letting go
	procs   map[int]*process
	threads map[int]int // tid -> tgid of whoever is traced
	stdio   []string    // where the program's own standard files lead
}

// Run runs the program and returns when it has ended and nothing is traced any
// more. Children may be alive.
func Run(p Program) (Result, error) {
	// The kernel knows a tracer by its thread, see ptrace(2).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	t := &tracer{Program: p, began: time.Now(), procs: map[int]*process{}, threads: map[int]int{}}
	if err := t.start(); err != nil {
		return Result{}, err
	}
	for _, pid := range p.Adopt {
		t.adopt(pid)
	}
	var late atomic.Bool
	dog := time.AfterFunc(p.Limit, func() { late.Store(true); _ = unix.Kill(t.main, unix.SIGKILL) })
	err := t.loop()
	dog.Stop()
	t.res.Hang = late.Load()
	return t.res, err
}

// start brings the program to its first instruction, seized. Only a seized process
// can be interrupted later, and only a traced one stops at execve: so it begins
// with PTRACE_TRACEME, is let go into a stop, and seized there.
func (t *tracer) start() error {
	pid, err := syscall.ForkExec(t.Path, t.Args, &syscall.ProcAttr{
		Dir: t.Dir, Env: t.Env, Files: t.Files, Sys: &syscall.SysProcAttr{Ptrace: true, Setsid: true},
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", t.Path, err)
	}
	t.main = pid
	if err := t.seizeStopped(pid); err != nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		_, _ = unix.Wait4(pid, nil, 0, nil)
		return fmt.Errorf("trace %s: %w", t.Path, err)
	}
	t.register(pid, pid)
	for fd := range 3 {
		link, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
		t.stdio = append(t.stdio, link)
	}
	return t.resume(pid, 0)
}

func (t *tracer) seizeStopped(pid int) error {
	if _, err := wait(pid, 0); err != nil { // at execve
		return err
	}
	if err := ptrace(unix.PTRACE_DETACH, pid, 0, uintptr(unix.SIGSTOP)); err != nil {
		return err
	}
	if _, err := wait(pid, unix.WUNTRACED); err != nil { // stopped, not traced
		return err
	}
	if err := ptrace(unix.PTRACE_SEIZE, pid, 0, options); err != nil {
		return err
	}
	if _, err := wait(pid, 0); err != nil { // stopped and traced
		return err
	}
	return unix.Kill(pid, unix.SIGCONT)
}

// adopt seizes every thread of a process that is not our child.
func (t *tracer) adopt(pid int) {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, e := range tasks {
		var tid int
		if _, err := fmt.Sscan(e.Name(), &tid); err != nil {
			continue
		}
		// A thread that ends meanwhile is no loss.
		if ptrace(unix.PTRACE_SEIZE, tid, 0, options) == nil {
			t.register(tid, pid)
			_ = ptrace(unix.PTRACE_INTERRUPT, tid, 0, 0)
		}
	}
}

func (t *tracer) register(tid, tgid int) {
	t.threads[tid] = tgid
	if t.procs[tgid] == nil {
		t.procs[tgid] = &process{ordinal: len(t.procs)}
	}
}

func (t *tracer) loop() error {
	for !t.gone || len(t.threads) > 0 || tracees() {
		pid, ws, err := t.next()
		if err != nil {
			return err
		}
		switch {
		case pid == 0: // calm after the program's end
			t.free()
		case ws.Exited() || ws.Signaled():
			t.ended(pid, ws)
		case ws.Stopped():
			// A tracee that was killed meanwhile refuses every request with ESRCH, and
			// its end is reported next.
			if err := t.stopped(pid, ws); err != nil && err != unix.ESRCH {
				return err
			}
		}
	}
	return nil
}

// next waits for the next event: for ever while the program lives (the watchdog
// ends it), and for a calm moment after its end.
func (t *tracer) next() (int, syscall.WaitStatus, error) {
	var ws syscall.WaitStatus
	if !t.gone || t.freeing {
		pid, err := wait4(&ws, 0)
		if err == unix.ECHILD && t.gone { // the last ones were reaped by their own parent
			clear(t.threads)
			return 0, ws, nil
		}
		return pid, ws, err
	}
	for end := time.Now().Add(calm); time.Now().Before(end); time.Sleep(200 * time.Microsecond) {
		pid, err := wait4(&ws, unix.WNOHANG)
		if err == unix.ECHILD { // as above
			clear(t.threads)
			return 0, ws, nil
		}
		if pid != 0 || err != nil {
			return pid, ws, err
		}
	}
	return 0, ws, nil
}

func (t *tracer) ended(pid int, ws syscall.WaitStatus) {
	delete(t.threads, pid)
	if pid == t.main {
		t.gone, t.res.Status = true, ws
	}
}

func (t *tracer) stopped(tid int, ws syscall.WaitStatus) error {
	if _, ok := t.threads[tid]; !ok {
		t.register(tid, groupOf(tid))
	}
	sig, event := ws.StopSignal(), int(ws)>>16
	switch {
	case t.freeing:
		return t.letGo(tid, sig, event)
	case event == unix.PTRACE_EVENT_EXEC:
		return t.executed(tid)
	case event == unix.PTRACE_EVENT_STOP && sig != unix.SIGTRAP: // a job control stop
		return ptrace(unix.PTRACE_LISTEN, tid, 0, 0)
	case event == unix.PTRACE_EVENT_CLONE || event == unix.PTRACE_EVENT_FORK || event == unix.PTRACE_EVENT_VFORK:
		if msg, err := unix.PtraceGetEventMsg(tid); err == nil {
			t.register(int(msg), groupOf(int(msg)))
		}
		return t.resume(tid, 0)
	case event != 0:
		return t.resume(tid, 0)
	case sig == unix.SIGTRAP|0x80:
		return t.syscallStop(tid)
	}
	return t.resume(tid, sig)
}

// executed handles execve: only the calling thread is left, under its process's id.
func (t *tracer) executed(tid int) error {
	for other, tgid := range t.threads {
		if tgid == tid && other != tid {
			delete(t.threads, other)
		}
	}
	if now, err := os.Stat(fmt.Sprintf("/proc/%d/exe", tid)); err == nil && os.SameFile(now, t.Payload) {
		return t.letGo(tid, 0, unix.PTRACE_EVENT_EXEC)
	}
	return t.resume(tid, 0)
}

func (t *tracer) syscallStop(tid int) error {
	info, err := syscallInfo(tid)
	if err != nil {
		return err
	}
	if info.Op != unix.PTRACE_SYSCALL_INFO_ENTRY || !t.counts(tid, info) {
		return t.resume(tid, 0)
	}
	p := t.procs[t.threads[tid]]
	p.counted++
	here := Point{Proc: p.ordinal, N: p.counted, Call: describe(tid, info), After: time.Since(t.began)}
	t.res.Points = append(t.res.Points, here)
	if t.Kill == Nobody || here.Proc != t.At.Proc || here.N != t.At.N {
		return t.resume(tid, 0)
	}
	// Whoever dies in the stop before a system call never makes it: the kernel looks
	// for a fatal signal when the stop ends (ptrace_report_syscall).
	t.res.Hit = true
	err = t.strike(tid)
	t.free()
	if t.OnHit != nil {
		t.OnHit()
	}
	return err
}

// strike kills or stops whom it has to, at a point of thread tid.
func (t *tracer) strike(tid int) error {
	switch t.Kill {
	case Caller:
		return unix.Kill(t.threads[tid], unix.SIGKILL)
	case Halt:
		if err := unix.Kill(t.threads[tid], unix.SIGSTOP); err != nil {
			return err
		}
		// It makes the call, and stops on its way back from it.
		return t.letGo(tid, 0, unix.PTRACE_EVENT_STOP)
	}
	// At once as far as the tree can tell: nobody gets beyond its next system
	// call before we are through.
	for tgid := range t.procs {
		_ = unix.Kill(tgid, unix.SIGKILL)
	}
	return nil
}

// free lets everybody go: those who run now at their next stop, which the interrupt
// brings about.
func (t *tracer) free() {
	t.freeing = true
	for tid := range t.threads {
		// A thread that is gone is a child's that died unseen; its end is not news.
		if ptrace(unix.PTRACE_INTERRUPT, tid, 0, 0) == unix.ESRCH && !alive(tid) {
			delete(t.threads, tid)
		}
	}
}

func (t *tracer) letGo(tid int, sig syscall.Signal, event int) error {
	if t.freeing && t.Kill == Tree {
		return unix.Kill(t.threads[tid], unix.SIGKILL)
	}
	if event != 0 || sig == unix.SIGTRAP|0x80 {
		sig = 0 // not a signal, only the report of a stop
	}
	delete(t.threads, tid)
	return ptrace(unix.PTRACE_DETACH, tid, 0, uintptr(sig))
}

func (t *tracer) resume(tid int, sig syscall.Signal) error {
	return ptrace(unix.PTRACE_SYSCALL, tid, 0, uintptr(sig))
}
