package libcontainer

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// consoleSink is where the master of the container's terminal goes.
type consoleSink interface {
	// take owns the descriptor.
	take(master int) error
}

// connectConsole settles, before anything is made, where the terminal goes: to the
// command's own terminal (run in the foreground) or to --console-socket.
func connectConsole(d *design, own consoleSink) (consoleSink, error) {
	wanted, socket := d.terminal(), d.Options.ConsoleSocket
	switch {
	case own != nil:
		return own, nil
	case wanted && socket == "":
		return nil, &Error{Field: ".process.terminal", Err: errors.New("cannot allocate tty if runc will detach without setting console socket"),
			Hint: "Give --console-socket, the path of a listening socket that is sent the terminal, or set .process.terminal to false."}
	case !wanted && socket != "":
		return nil, &Error{Field: ".process.terminal", Err: errors.New("cannot use console socket if runc will not detach or allocate tty"),
			Hint: "Leave --console-socket out, or set .process.terminal to true."}
	case !wanted:
		return noConsole{}, nil
	}
	return dialConsole(socket)
}

type noConsole struct{}

func (noConsole) take(master int) error {
	if master >= 0 {
		unix.Close(master)
	}
	return errors.New("the child sent a terminal that nobody asked for")
}

// consoleSocket is the connection to whoever wants the terminal. It is made once:
// conmon takes its path away when it has accepted.
type consoleSocket struct{ fd int }

func dialConsole(path string) (consoleSink, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, sys.Fail(err, "socket", "AF_UNIX")
	}
	address := path
	if len(path) >= 108 {
		// sun_path holds 108 bytes (unix(7)); a descriptor of the folder is a
		// shorter way to the same socket.
		dir, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			unix.Close(fd)
			return nil, sys.Fail(err, "open", sys.Quote(filepath.Dir(path)))
		}
		defer unix.Close(dir)
		address = "/proc/self/fd/" + strconv.Itoa(dir) + "/" + filepath.Base(path)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: address}); err != nil {
		unix.Close(fd)
		return nil, &Error{Err: sys.Fail(err, "connect", sys.Quote(path)),
			Hint: "--console-socket must be the path of a socket that somebody listens on."}
	}
	return consoleSocket{fd}, nil
}

// take sends the master, with a name as the payload as runc does, and hangs up.
func (c consoleSocket) take(master int) error {
	if master < 0 {
		return errors.New("the child sent no terminal")
	}
	defer unix.Close(master)
	defer unix.Close(c.fd)
	err := sys.Retry(func() error {
		return unix.Sendmsg(c.fd, []byte("/dev/pts/ptmx"), unix.UnixRights(master), nil, unix.MSG_NOSIGNAL)
	})
	return sys.Fail(err, "sendmsg", "the console socket")
}

// ownTerminal relays between the terminal that the command was started on and the
// container's.
type ownTerminal struct {
	master  *os.File
	restore *unix.Termios // of our own terminal; nil when stdin is none
	done    chan struct{} // closed when the container's output has ended
}

func newOwnTerminal() *ownTerminal { return &ownTerminal{done: make(chan struct{})} }

// take begins to relay. Our own terminal goes raw: keys reach the container's line
// discipline unchanged.
func (t *ownTerminal) take(master int) error {
	if master < 0 {
		return errors.New("the child sent no terminal")
	}
	t.master = os.NewFile(uintptr(master), "the container's terminal")
	t.resize()
	if err := t.raw(); err != nil {
		return err
	}
	go func() { _, _ = t.master.ReadFrom(os.Stdin) }()
	go func() {
		defer close(t.done)
		_, _ = os.Stdout.ReadFrom(t.master) // EIO when the last process has closed its side
	}()
	return nil
}

func (t *ownTerminal) raw() error {
	old, err := unix.IoctlGetTermios(0, unix.TCGETS)
	if err == unix.ENOTTY || err == unix.EINVAL || err == unix.EBADF {
		return nil // a pipe: nothing to change
	}
	if err != nil {
		return sys.Fail(err, "ioctl", "stdin", "TCGETS")
	}
	raw := *old
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(0, unix.TCSETS, &raw); err != nil {
		return sys.Fail(err, "ioctl", "stdin", "TCSETS")
	}
	t.restore = old
	return nil
}

// resize gives the container's terminal the size of ours.
func (t *ownTerminal) resize() {
	if t.master == nil {
		return
	}
	for fd := range 3 {
		if size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil && size.Row != 0 {
			_ = unix.IoctlSetWinsize(int(t.master.Fd()), unix.TIOCSWINSZ, size)
			return
		}
	}
}

// end waits for the last output and gives our terminal back.
func (t *ownTerminal) end() {
	if t.master != nil {
		<-t.done
		t.master.Close()
	}
	t.giveBack()
}

func (t *ownTerminal) giveBack() {
	if t.restore != nil {
		_ = unix.IoctlSetTermios(0, unix.TCSETS, t.restore)
		t.restore = nil
	}
}
