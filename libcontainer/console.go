package libcontainer

import (
	"errors"
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
	case own != nil && socket != "":
		return nil, &Error{Field: ".process.terminal", Err: errors.New("there is no terminal that a console socket could be sent"),
			Hint: "In the foreground the terminal is this one: leave --console-socket out, or give --detach."}
	case own != nil && wanted && !IsTerminal(0):
		return nil, &Error{Field: ".process.terminal", Err: errors.New("standard input is no terminal"),
			Hint: "Call it from a terminal, set .process.terminal to false, or give --detach with --console-socket."}
	case own != nil:
		return own, nil
	case wanted && socket == "":
		return nil, &Error{Field: ".process.terminal", Err: errors.New("a terminal needs a console socket: the command does not stay to relay it"),
			Hint: "Give --console-socket, the path of a listening socket that is sent the terminal, or set .process.terminal to false."}
	case !wanted && socket != "":
		return nil, &Error{Field: ".process.terminal", Err: errors.New("there is no terminal that a console socket could be sent"),
			Hint: "Leave --console-socket out, or set .process.terminal to true."}
	case !wanted:
		return noConsole{}, nil
	}
	return dialConsole(socket)
}

// IsTerminal tells whether a descriptor is that of a terminal (tcgetattr(3)).
func IsTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
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
