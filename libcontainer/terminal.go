package libcontainer

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// ownTerminal relays between the terminal that the command was started on and the
// container's. Ours is raw meanwhile, so that keys reach the container's line
// discipline unchanged: Ctrl-C is for a program in there.
type ownTerminal struct {
	master *os.File
	done   chan struct{} // closed when the container's output has ended

	mu      sync.Mutex
	restore *unix.Termios // of our own terminal; nil when stdin is none
}

func newOwnTerminal() *ownTerminal { return &ownTerminal{done: make(chan struct{})} }

// take begins to relay. No signal ends us any more without leading by giveBack: all
// are caught by now.
func (t *ownTerminal) take(master int) error {
	if master < 0 {
		return errors.New("the child sent no terminal")
	}
	// With the poller, so that Close ends a Read: that is how we hang up.
	if err := unix.SetNonblock(master, true); err != nil {
		unix.Close(master)
		return sys.Fail(err, "fcntl", "the terminal", "O_NONBLOCK")
	}
	t.master = os.NewFile(uintptr(master), "the container's terminal")
	t.resize()
	if err := t.begin(); err != nil {
		return err
	}
	go t.keys()
	go t.screen()
	return nil
}

// keys ends when our terminal has been hung up: then the container's is, too. A pipe
// that has come to its end is none, and a key that comes too late is no hangup.
func (t *ownTerminal) keys() {
	_, err := t.master.ReadFrom(os.Stdin)
	var late *os.PathError
	if errors.As(err, &late) && late.Op == "write" || !t.isRaw() {
		return
	}
	t.master.Close()
}

// screen ends with EIO when the last process has closed its side. When nobody reads
// what we write, there is nobody at the terminal: it is hung up. We are not to die of
// that, as a Go program does that writes to a broken pipe which is number 1 or 2
// (package os/signal), so the pipe gets another number.
func (t *ownTerminal) screen() {
	defer close(t.done)
	defer t.master.Close()
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return // there is no standard output
	}
	out := os.NewFile(uintptr(fd), "standard output")
	defer out.Close()
	_, _ = out.ReadFrom(t.master)
}

// begin makes our terminal raw, if there is one.
func (t *ownTerminal) begin() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	old, err := unix.IoctlGetTermios(0, unix.TCGETS)
	if err == unix.ENOTTY || err == unix.EINVAL || err == unix.EBADF {
		return nil // a pipe: nothing to change
	}
	if err != nil {
		return sys.Fail(err, "ioctl", "stdin", "TCGETS")
	}
	// In the background this stops us until we are brought to the front (termios(3)
	// and SIGTTOU).
	if err := unix.IoctlSetTermios(0, unix.TCSETS, raw(*old)); err != nil {
		return sys.Fail(err, "ioctl", "stdin", "TCSETS")
	}
	t.restore = old
	return nil
}

// raw is what cfmakeraw(3) makes of a terminal's modes.
func raw(t unix.Termios) *unix.Termios {
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return &t
}

func (t *ownTerminal) isRaw() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.restore != nil
}

// resume is for SIGCONT: a shell that we were stopped in has changed the modes.
func (t *ownTerminal) resume() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.restore != nil && inForeground() {
		_ = unix.IoctlSetTermios(0, unix.TCSETS, raw(*t.restore))
		t.resize()
	}
}

// resize gives the container's terminal the size of ours.
func (t *ownTerminal) resize() {
	if t.master == nil {
		return
	}
	for fd := range 3 {
		size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
		if err != nil || size.Row == 0 {
			continue
		}
		// Not by Fd, which would make it block.
		if conn, err := t.master.SyscallConn(); err == nil {
			_ = conn.Control(func(fd uintptr) { _ = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size) })
		}
		return
	}
}

// end waits for the last output and gives our terminal back.
func (t *ownTerminal) end() {
	if t.master != nil {
		<-t.done
	}
	t.giveBack()
}

// giveBack leaves a terminal alone that we have been sent to the background of: it is
// somebody else's now.
func (t *ownTerminal) giveBack() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.restore != nil && inForeground() {
		_ = unix.IoctlSetTermios(0, unix.TCSETS, t.restore)
	}
	t.restore = nil
}

// inForeground: a terminal that is not the one that controls us knows no difference
// (ENOTTY, tcgetpgrp(3)).
func inForeground() bool {
	group, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}
