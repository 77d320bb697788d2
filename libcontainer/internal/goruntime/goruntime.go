// Package goruntime has done at once what the Go runtime does bit by bit, which is too slow
// for a program that lives for milliseconds. It imports nothing that is initialised, so that
// it can be used before all else.
package goruntime

import "unsafe"

// GrowStack gives the goroutine a stack of 32 KiB at once. It begins with 2 KiB, and each
// time that it does not suffice it is copied to one of twice the size, frame by frame: the
// deeper the calls, the longer that takes.
func GrowStack()

const (
	pageSize = 4096 // where pages are larger the call fails, and nothing is lost
	// stackSize is that of GrowStack; the heap goes on behind it.
	stackSize = 32 << 10

	madvPopulateWrite = 23 // madvise(2), since Linux 5.14
)

// Usual is what a command or an init uses of the heap in a usual case, in bytes. Init's
// memory counts for the container until the program takes its place.
const Usual = 128 << 10

// Populate gives the stack from GrowStack, and as many bytes of the heap behind it, their
// memory now. Each page would be a fault of its own otherwise. Worse, the runtime reads
// what it then writes: the page of zeros that the first fault shows must be taken from the
// other processors again when another thread has been there, which takes a virtual machine
// 50 us each time.
func Populate(bytes uintptr) {
	var here byte
	from := uintptr(unsafe.Pointer(&here))&^(pageSize-1) - stackSize/2
	rawSyscall(sysMadvise, from, stackSize+bytes, madvPopulateWrite)
}

// rawSyscall is package syscall's own, without its initialisation: that package lets it be
// used from outside (the linkname in syscall/syscall_linux.go), and it has no state.
//
//go:linkname rawSyscall syscall.RawSyscall
func rawSyscall(number, a, b, c uintptr) (r1, r2, errno uintptr)
