//go:build amd64 || arm64

package sigpipe

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// pipe is the descriptor that the handler writes to.
//
//lint:ignore U1000 read by handler_*.s
var pipe int32

// handler is entered by the kernel alone, see handler_*.s, and so is restore.
//
//lint:ignore U1000 entered by the kernel
func handler()

//lint:ignore U1000 entered by the kernel
func restore()

// handlerPC and restorePC give their addresses. A Go function value points to code of
// another calling convention; the assembler knows the real ones.
func handlerPC() uintptr
func restorePC() uintptr

// action is the kernel's struct sigaction of rt_sigaction(2).
type action struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

// SA_ONSTACK: a Go thread's own stack is too small, and each has another one for
// signals. SA_RESTART: a call that was interrupted goes on (sigaction(2)).
const (
	saOnStack  = 0x08000000
	saRestart  = 0x10000000
	saRestorer = 0x04000000
)

func catchAll(fd int) error {
	pipe = int32(fd)
	act := action{handler: handlerPC(), flags: saOnStack | saRestart | saRestorer, restorer: restorePC(), mask: ^uint64(0)}
	for sig := 1; sig <= last; sig++ {
		if !ours(sig) {
			continue
		}
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&act)), 0, unsafe.Sizeof(act.mask), 0, 0)
		if errno != 0 {
			return errno
		}
	}
	return nil
}
