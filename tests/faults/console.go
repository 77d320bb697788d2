package main

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// consoles receives the masters of terminals at the console socket, as a client
// does, and keeps them open until drop.
type consoles struct {
	listener *net.UnixListener
	masters  chan *os.File
}

func receiveConsoles() (*consoles, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: consoleAt, Net: "unix"})
	if err != nil {
		return nil, err
	}
	c := &consoles{listener: l, masters: make(chan *os.File, 64)}
	go func() {
		for {
			conn, err := l.AcceptUnix()
			if err != nil {
				return
			}
			go c.receive(conn)
		}
	}()
	return c, nil
}

func (c *consoles) receive(conn *net.UnixConn) {
	defer conn.Close()
	text, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(4*4))
	_, n, _, _, err := conn.ReadMsgUnix(text, rights)
	if err != nil {
		return // the sender was killed
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil {
		return
	}
	for i := range messages {
		fds, _ := unix.ParseUnixRights(&messages[i])
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			c.masters <- os.NewFile(uintptr(fd), "master")
		}
	}
}

// drop closes what has come in.
func (c *consoles) drop() {
	for {
		select {
		case f := <-c.masters:
			f.Close()
		default:
			return
		}
	}
}

// terminal is a pair for the standard files of a run in the foreground.
type terminal struct{ master, slave *os.File }

func openTerminal() (*terminal, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, os.NewSyscallError("ioctl(TIOCSPTLCK)", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, os.NewSyscallError("ioctl(TIOCGPTN)", err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	return &terminal{master, slave}, nil
}

func (t *terminal) close() {
	t.slave.Close()
	t.master.Close()
}
