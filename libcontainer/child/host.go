package child

import (
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/wire"
)

// host is the runtime as the steps see it.
type host struct{ conn wire.Conn }

func (h host) Console(master int) error { return h.conn.Send(wire.Console, nil, master) }

// Open asks for a path that only the host's own user can reach.
func (h host) Open(path string) (int, error) {
	if err := h.conn.Send(wire.Open, []byte(path), -1); err != nil {
		return -1, err
	}
	kind, body, fd, err := h.conn.Receive()
	switch {
	case err != nil:
		return -1, err
	case kind != wire.Opened || fd < 0 && len(body) != 1:
		return -1, wire.ErrClosed
	case fd < 0:
		return -1, unix.Errno(body[0])
	}
	return fd, nil
}

// Pause waits until the host has run the hook of this name, or sent its program.
func (h host) Pause(hook string) (program int, err error) {
	if err := h.conn.Send(wire.Pause, []byte(hook), -1); err != nil {
		return -1, err
	}
	return h.goOn()
}

// MapIDs asks for what a user namespace may not do to a filesystem of the host.
func (h host) MapIDs(mount, tree int) error {
	if err := h.conn.Send(wire.MapIDs, []byte(strconv.Itoa(mount)), tree); err != nil {
		return err
	}
	_, err := h.goOn()
	return err
}

// OOMScore asks the host to set what only its user may set.
func (h host) OOMScore() error {
	if err := h.conn.Send(wire.OOMScore, nil, -1); err != nil {
		return err
	}
	_, err := h.goOn()
	return err
}

// Room asks the host for what needs CAP_SYS_RESOURCE outside of every user namespace.
func (h host) Room(limit string) error {
	if err := h.conn.Send(wire.Room, []byte(limit), -1); err != nil {
		return err
	}
	_, err := h.goOn()
	return err
}

// Ready waits until the host has committed the container: an init whose create
// died before that ends here and leaves nothing to wait for.
func (h host) Ready() error {
	if err := h.conn.Send(wire.Ready, nil, -1); err != nil {
		return err
	}
	_, err := h.goOn()
	return err
}

func (h host) goOn() (fd int, err error) {
	kind, _, fd, err := h.conn.Receive()
	if err == nil && kind != wire.GoOn {
		err = wire.ErrClosed
	}
	return fd, err
}

func (h host) Gone() bool { return h.conn.Gone() }
func (h host) FD() int    { return int(h.conn) }

func prctlName(name []byte) error {
	return unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0)
}
