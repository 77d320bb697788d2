package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// sigaction is the kernel's struct of rt_sigaction(2); all architectures of Go's
// that have no sa_restorer read less of it.
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

const sigIgnore = 1

// ResetIgnored gives a signal its default action if it is ignored.
func ResetIgnored(sig uintptr) error {
	if sig == uintptr(unix.SIGKILL) || sig == uintptr(unix.SIGSTOP) {
		return nil
	}
	var old, none sigaction
	if err := result(unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, 0, uintptr(unsafe.Pointer(&old)), unsafe.Sizeof(old.mask), 0, 0)); err != nil {
		return err
	}
	if old.handler != sigIgnore {
		return nil
	}
	return result(unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&none)), 0, unsafe.Sizeof(none.mask), 0, 0))
}
