// Package sigpipe turns the signals that a process gets into bytes on a pipe, one byte
// each, the number of the signal.
//
// It does what os/signal does, for a fiftieth of the price: os/signal hands every
// single signal that is to be caught to a thread of its own and back, which for all of
// them costs as much as a container. Here a handler of a few instructions
// (handler_*.s) writes the byte, which is allowed in a handler (signal-safety(7)), and
// catching a signal is one system call. On architectures without a handler of ours the
// package falls back on os/signal.
//
// What the Go runtime needs itself stays with it: faults, SIGPROF, SIGURG, SIGPIPE.
package sigpipe

import (
	"golang.org/x/sys/unix"
)

// ours tells which signals become bytes. Those that the Go runtime or the kernel keep
// are not among them, nor the two that a C library keeps (signal(7), 32 and 33), nor
// those that stop a process which reads or changes a terminal in the background: caught,
// they would come again at once and for ever.
func ours(sig int) bool {
	switch unix.Signal(sig) {
	case unix.SIGKILL, unix.SIGSTOP, unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGTRAP, unix.SIGPROF, unix.SIGURG, unix.SIGPIPE, unix.SIGTTIN, unix.SIGTTOU, 32, 33:
		return false
	}
	return true
}

// last is the number of the last real-time signal.
const last = 64

// Catch begins and gives the descriptor to read from; a read waits for the next
// signal. A process can do this once, and cannot go back.
func Catch() (fd int, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return -1, err
	}
	// A handler must not wait: what does not fit into the pipe, 64 KiB, is lost.
	if err := unix.SetNonblock(p[1], true); err != nil {
		return -1, err
	}
	if err := catchAll(p[1]); err != nil {
		return -1, err
	}
	return p[0], nil
}

// Next waits for signals and gives at least one of them.
func Next(fd int) ([]unix.Signal, error) {
	var buf [64]byte
	for {
		n, err := unix.Read(fd, buf[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		signals := make([]unix.Signal, n)
		for i := range n {
			signals[i] = unix.Signal(buf[i])
		}
		return signals, nil
	}
}
