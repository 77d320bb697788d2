package sys

import (
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The Go runtime's own versions of these calls change every thread of a program; the
// child changes the one that executes the program.

// Setgroups sets the supplementary groups of this thread; none clears them.
func Setgroups(groups []uint32) error {
	var p unsafe.Pointer
	if len(groups) > 0 {
		p = unsafe.Pointer(&groups[0])
	}
	return result(unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(p), 0))
}

// Setresuid sets the three user ids of this thread.
func Setresuid(id uint32) error {
	return result(unix.RawSyscall(unix.SYS_SETRESUID, uintptr(id), uintptr(id), uintptr(id)))
}

// Setresgid sets the three group ids of this thread.
func Setresgid(id uint32) error {
	return result(unix.RawSyscall(unix.SYS_SETRESGID, uintptr(id), uintptr(id), uintptr(id)))
}

// SetRealGID sets the real group id of this thread alone.
func SetRealGID(id uint32) error {
	return result(unix.RawSyscall(unix.SYS_SETRESGID, uintptr(id), ^uintptr(0), ^uintptr(0)))
}

func result(_, _ uintptr, errno unix.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}

// Uint prints a number.
func Uint(n uint64) string { return strconv.FormatUint(n, 10) }
