package wire

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func pair(t *testing.T) (Conn, Conn) {
	t.Helper()
	a, b, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func TestMessagesArriveWhole(t *testing.T) {
	a, b := pair(t)
	long := bytes.Repeat([]byte("0123456789"), 300_000) // more than a socket buffer
	go func() {
		_ = a.Send(Plan, long, -1)
		_ = a.Send(GoOn, nil, -1)
	}()
	kind, body, fd, err := b.Receive()
	if err != nil || kind != Plan || fd != -1 || !bytes.Equal(body, long) {
		t.Fatalf("got kind %d, %d bytes, descriptor %d, %v", kind, len(body), fd, err)
	}
	if kind, body, _, err := b.Receive(); err != nil || kind != GoOn || len(body) != 0 {
		t.Fatalf("got kind %d, %q, %v", kind, body, err)
	}
}

func TestDescriptorTravelsCloseOnExec(t *testing.T) {
	a, b := pair(t)
	file, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := a.Send(Console, nil, int(file.Fd())); err != nil {
		t.Fatal(err)
	}
	_, _, fd, err := b.Receive()
	if err != nil || fd < 0 {
		t.Fatalf("descriptor %d, %v", fd, err)
	}
	defer unix.Close(fd)
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Fatalf("flags %#x, %v", flags, err)
	}
	var sent, got unix.Stat_t
	if unix.Fstat(int(file.Fd()), &sent) != nil || unix.Fstat(fd, &got) != nil || sent.Rdev != got.Rdev {
		t.Fatal("another file arrived")
	}
}

func TestDeathOfTheOtherSide(t *testing.T) {
	a, b := pair(t)
	if b.Gone() {
		t.Fatal("gone although open")
	}
	unix.Shutdown(int(a), unix.SHUT_RDWR)
	if !b.Gone() {
		t.Fatal("not gone although closed")
	}
	if _, _, _, err := b.Receive(); !errors.Is(err, ErrClosed) {
		t.Fatalf("receive: %v", err)
	}
	if err := b.Send(Ready, nil, -1); !errors.Is(err, ErrClosed) {
		t.Fatalf("send: %v", err)
	}
}

func TestDeathInTheMiddleOfAMessage(t *testing.T) {
	a, b := pair(t)
	if _, err := unix.Write(int(a), []byte{byte(Plan), 200, 0, 0, 0, 'x'}); err != nil {
		t.Fatal(err)
	}
	unix.Shutdown(int(a), unix.SHUT_RDWR)
	if _, _, _, err := b.Receive(); !errors.Is(err, ErrClosed) {
		t.Fatalf("receive: %v", err)
	}
}

func TestLengthIsNotBelieved(t *testing.T) {
	a, b := pair(t)
	if _, err := unix.Write(int(a), []byte{byte(Plan), 0xff, 0xff, 0xff, 0xff}); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := b.Receive(); err == nil {
		t.Fatal("a message of 4 GiB was believed")
	}
}
