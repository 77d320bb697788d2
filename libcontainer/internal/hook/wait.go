package hook

import (
	"errors"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Process is a hook at work. It leads a session, and so a process group, of its own.
type Process struct {
	Program *Program
	PID     int
	PidFD   int
	Output  int // our end of what it prints
	Began   int64
}

// ErrDeserted is the answer of Wait when the process at the other end of watched has
// ended; the hook has been killed.
var ErrDeserted = errors.New("nobody waits for the hook any more")

// outcome is how watching a hook came to its end.
type outcome int

const (
	ended outcome = iota + 1
	late
	deserted
)

// Wait sees the hook to its end. A hook that fails, and one whose time is up, is killed
// with all of its process group; what a successful one leaves behind is its own affair.
// watched is a socket, or -1: when its other end closes, the hook is killed too.
func (p *Process) Wait(watched int) error {
	defer unix.Close(p.PidFD)
	defer unix.Close(p.Output)
	var said tail
	how := p.watch(watched, &said)
	status := 0
	if how == ended {
		said.rest(p.Output)
		status = p.peek()
	}
	if how != ended || status != 0 {
		// Before the leader is reaped: until then its number is nobody else's.
		_ = unix.Kill(-p.PID, unix.SIGKILL)
	}
	after := span(Now() - p.Began)
	switch hangs := how != ended && !p.dies(); {
	case hangs && how == deserted:
		return ErrDeserted
	case hangs:
		return &Failure{Kind: p.Program.Kind, Index: p.Program.Index, Path: p.Program.Path, What: "timed out, and cannot be killed", After: after, Said: said.String(),
			Hint: "Process " + strconv.Itoa(p.PID) + " hangs in the kernel: a filesystem that it uses does not answer."}
	}
	var ws unix.WaitStatus
	_ = sys.Retry(func() error { _, err := unix.Wait4(p.PID, &ws, 0, nil); return err })
	if how != ended || status != 0 {
		p.settle()
	}
	switch {
	case how == deserted:
		return ErrDeserted
	case how == ended && status == 0:
		return nil
	}
	f := &Failure{Kind: p.Program.Kind, Index: p.Program.Index, Path: p.Program.Path, After: after, Said: said.String()}
	switch {
	case how == late:
		f.What = "timed out"
		f.Hint = "Its .timeout is " + strconv.Itoa(p.Program.Timeout) + " s: it was killed with its process group."
	case ws.Signaled():
		f.What = "killed by " + unix.SignalName(ws.Signal())
	default:
		f.What = "exit status " + strconv.Itoa(ws.ExitStatus())
	}
	return f
}

// patience is how long a hook that was killed may take to end, in milliseconds.
var patience = 10_000

// dies waits for the end of a hook that was killed. It may hang in a call that a signal
// does not interrupt, as one to a FUSE server that does not answer.
func (p *Process) dies() bool {
	polled := []unix.PollFd{{Fd: int32(p.PidFD), Events: unix.POLLIN}}
	n := 0
	err := sys.Retry(func() (err error) { n, err = unix.Poll(polled, patience); return err })
	return err != nil || n > 0
}

// settle gives a group that was killed a moment to be gone. Its processes are ours to
// reap if we adopt orphans, and otherwise those of a process 1 that may never do so.
func (p *Process) settle() {
	const moments = 100 // milliseconds
	for range moments {
		for pid := 1; pid > 0; {
			pid, _ = unix.Wait4(-p.PID, nil, unix.WNOHANG, nil)
		}
		if unix.Kill(-p.PID, 0) == unix.ESRCH {
			return
		}
		_, _ = unix.Poll(nil, 1)
	}
}

// watch waits for the end of the hook, of its time, or of whoever waits for it.
func (p *Process) watch(watched int, said *tail) outcome {
	polled := []unix.PollFd{
		{Fd: int32(p.PidFD), Events: unix.POLLIN},
		{Fd: int32(p.Output), Events: unix.POLLIN},
		{Fd: int32(watched), Events: unix.POLLRDHUP}, // poll(2) skips a negative one
	}
	for {
		left := p.left()
		if left == 0 {
			return late
		}
		if _, err := unix.Poll(polled, left); err != nil {
			continue // EINTR; ENOMEM passes
		}
		if polled[1].Revents != 0 && said.read(p.Output) {
			polled[1].Fd = -1
		}
		if polled[0].Revents != 0 {
			return ended
		}
		if polled[2].Revents != 0 {
			return deserted
		}
	}
}

// Await waits until a descriptor has something to say, and tells whether that came in the
// hook's time.
func (p *Process) Await(fd int) bool {
	polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		left := p.left()
		if left == 0 {
			return false
		}
		if n, err := unix.Poll(polled, left); err == nil && n > 0 {
			return true
		}
	}
}

// left is the hook's time in milliseconds, -1 for no end. poll(2) takes at most 24
// days of it, and then we ask again.
func (p *Process) left() int {
	if p.Program.Timeout <= 0 {
		return -1
	}
	const most = 1 << 30
	spent := (Now() - p.Began) / 1e6
	switch left := int64(p.Program.Timeout) - spent/1000; {
	case left > most/1000:
		return most
	default:
		return max(0, int(int64(p.Program.Timeout)*1000-spent))
	}
}

// siginfo is the beginning of siginfo_t as waitid(2) fills it in, on machines of 64 bits.
type siginfo struct {
	signo, errno, code, _ int32
	pid, uid, status      int32
	_                     [100]byte
}

// peek gives the exit status, or the signal, and leaves the process to be reaped.
func (p *Process) peek() int {
	var info siginfo
	err := sys.Retry(func() error {
		return unix.Waitid(unix.P_PIDFD, p.PidFD, (*unix.Siginfo)(unsafe.Pointer(&info)), unix.WEXITED|unix.WNOWAIT, nil)
	})
	if err != nil {
		return -1
	}
	return int(info.status)
}

// Now is the time of CLOCK_MONOTONIC in nanoseconds.
func Now() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}

func span(ns int64) string {
	ms := ns / 1e6
	if ms < 1000 {
		return strconv.FormatInt(ms, 10) + " ms"
	}
	return strconv.FormatInt(ms/1000, 10) + "." + strconv.FormatInt(ms%1000/100, 10) + " s"
}
