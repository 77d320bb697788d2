// Package sys holds what golang.org/x/sys/unix lacks: errors that print the
// call they come from, and the few system calls without a wrapper.
//
// It is part of the early child (see package child) and therefore imports
// nothing but syscall, unsafe, strconv, errors and x/sys/unix.
package sys

import (
	"errors"
	"strconv"
	"syscall"
)

// Error is a system call that did not succeed.
type Error struct {
	// Call is the call with its telling arguments, as strace would print it:
	// mkdirat("dev", 0755).
	Call string
	// Errno is the kernel's answer.
	Errno syscall.Errno
	// Kernel is the kernel's own sentence about the failure, where it has one
	// (the message log of fsopen(2), the verifier log of bpf(2)); else empty.
	Kernel string
	// Hint is what was found out about the cause, a sentence; may be empty.
	Hint string
}

// Error reads "call(args): cause", or the kernel's sentence with the call and
// the errno behind it in brackets.
func (e *Error) Error() string {
	if e.Kernel != "" {
		return e.Kernel + " (" + e.Call + ": " + e.Errno.Error() + ")"
	}
	return e.Call + ": " + e.Errno.Error()
}

// Unwrap gives the errno, so that errors.Is(err, syscall.ENOENT) works.
func (e *Error) Unwrap() error { return e.Errno }

// Fail wraps the error of a call. Arguments are printed as given: quote paths
// with Quote. It returns nil when err is nil, but it builds the text of the call
// either way: on a path that runs often, test err first.
func Fail(err error, call string, args ...string) error {
	if err == nil {
		return nil
	}
	text := call + "("
	for i, a := range args {
		if i > 0 {
			text += ", "
		}
		text += a
	}
	return &Error{Call: text + ")", Errno: Errno(err)}
}

// Errno gives the errno at the bottom of err; EIO where there is none.
func Errno(err error) syscall.Errno {
	var n syscall.Errno
	if errors.As(err, &n) {
		return n
	}
	return syscall.EIO
}

// Quote prints a path or another string argument.
func Quote(s string) string { return strconv.Quote(s) }

// Octal prints a file mode.
func Octal(mode uint32) string { return "0" + strconv.FormatUint(uint64(mode), 8) }

// Int prints a number.
func Int(n int) string { return strconv.Itoa(n) }

// Retry calls f again as long as a signal interrupts it.
func Retry(f func() error) error {
	for {
		if err := f(); err != syscall.EINTR {
			return err
		}
	}
}

// Hex prints a set of flags.
func Hex(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }
