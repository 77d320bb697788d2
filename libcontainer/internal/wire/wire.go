// Package wire is the channel between the runtime and the child it has made: a
// socketpair on which each side sends framed messages. The channel is also the
// gate: end of file or EPIPE at any message means that the other side has died.
//
// It runs in the early child and imports only syscall, unsafe, strconv, errors,
// and x/sys/unix.
package wire

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Kind says what a message means. Zero is no message.
type Kind byte

const (
	Plan     Kind = iota + 1 // host to child: the plan to apply
	GoOn                     // host to child: after Pause, see there; after Ready: the container is committed
	Pause                    // child to host: run this hook, or hand its program over as a descriptor, then send GoOn
	Console                  // child to host: the master of the container's terminal, as a descriptor
	Open                     // child to host: open this path of the host for me, in my mount namespace
	Opened                   // host to child: the descriptor, or the errno as one byte
	MapIDs                   // child to host: set the map of this mount (its number in decimal) on the descriptor; then send GoOn
	OOMScore                 // child to host: set my oom_score_adj, I may not; then send GoOn
	Room                     // child to host: raise the hard half of this limit of mine to what the plan says; then send GoOn
	Ready                    // child to host: everything is set up
	Failure                  // child to host: a step failed; the child ends
)

// limit is the largest message that is believed, in bytes. A plan holds the
// strings of config.json, which may be 16 MiB.
const limit = 64 << 20

const headerSize = 5

// ErrClosed is the answer when the other side has ended.
var ErrClosed = errors.New("the other side of the channel has ended")

// Conn is one end of the channel; the caller owns the descriptor.
type Conn int

// Pair makes a channel, both ends close-on-exec.
func Pair() (host, child Conn, err error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, sys.Fail(err, "socketpair", "AF_UNIX", "SOCK_STREAM")
	}
	return Conn(p[0]), Conn(p[1]), nil
}

// Close gives up this end.
func (c Conn) Close() { _ = unix.Close(int(c)) }

// Send writes a message and, when fd is not -1, a descriptor with it. It never
// raises SIGPIPE.
func (c Conn) Send(kind Kind, payload []byte, fd int) error {
	n := len(payload)
	frame := make([]byte, headerSize, headerSize+n)
	frame[0], frame[1], frame[2], frame[3], frame[4] = byte(kind), byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
	frame = append(frame, payload...)
	var rights []byte
	if fd >= 0 {
		rights = unix.UnixRights(fd)
	}
	for len(frame) > 0 {
		sent, err := unix.SendmsgN(int(c), frame, rights, nil, unix.MSG_NOSIGNAL)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EPIPE || err == unix.ECONNRESET:
			return ErrClosed
		case err != nil:
			return sys.Fail(err, "sendmsg", "the channel")
		}
		frame, rights = frame[sent:], nil
	}
	return nil
}

// Receive reads the next message and the descriptor that came with it, -1 where
// none did; the descriptor is close-on-exec and the caller's.
func (c Conn) Receive() (kind Kind, payload []byte, fd int, err error) {
	var header [headerSize]byte
	oob := make([]byte, unix.CmsgSpace(4))
	fd = -1
	for got := 0; got < headerSize; {
		n, oobn, _, _, err := unix.Recvmsg(int(c), header[got:], oob, unix.MSG_CMSG_CLOEXEC)
		if err == unix.EINTR {
			continue
		}
		if oobn > 0 && fd < 0 {
			fd = firstRight(oob[:oobn])
		}
		if err := closed(n, err); err != nil {
			return 0, nil, fd, err
		}
		got += n
	}
	size := int(header[1]) | int(header[2])<<8 | int(header[3])<<16 | int(header[4])<<24
	if size > limit {
		return 0, nil, fd, errors.New("a message on the channel is too long")
	}
	payload = make([]byte, size)
	for got := 0; got < size; {
		n, err := unix.Read(int(c), payload[got:])
		if err == unix.EINTR {
			continue
		}
		if err := closed(n, err); err != nil {
			return 0, nil, fd, err
		}
		got += n
	}
	return Kind(header[0]), payload, fd, nil
}

func closed(n int, err error) error {
	switch {
	case err == unix.ECONNRESET || err == nil && n == 0:
		return ErrClosed
	case err != nil:
		return sys.Fail(err, "recvmsg", "the channel")
	}
	return nil
}

func firstRight(oob []byte) int {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) == 0 {
		return -1
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) == 0 {
		return -1
	}
	return fds[0]
}

// Gone reports without waiting that the other side has closed its end.
func (c Conn) Gone() bool {
	p := []unix.PollFd{{Fd: int32(c), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(p, 0)
	return err == nil && n > 0 && p[0].Revents&(unix.POLLHUP|unix.POLLRDHUP|unix.POLLERR) != 0
}
