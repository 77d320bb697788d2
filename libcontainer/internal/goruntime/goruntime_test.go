package goruntime

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// resident counts the pages from here on that have memory (mincore(2)).
func resident(t *testing.T, from uintptr, pages int) (n int) {
	t.Helper()
	present := make([]byte, pages)
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, from, uintptr(pages*pageSize), uintptr(unsafe.Pointer(&present[0]))); errno != 0 {
		t.Fatal(errno)
	}
	for _, p := range present {
		n += int(p & 1)
	}
	return n
}

// The heap begins with 4 MiB of addresses, of which a test uses the first few.
func TestPopulateGivesTheHeapBehindTheStackItsMemory(t *testing.T) {
	if unix.Getpagesize() != pageSize {
		t.Skip("pages are larger here")
	}
	GrowStack()
	var here byte
	from := uintptr(unsafe.Pointer(&here)) &^ (pageSize - 1)
	const size = 1 << 20
	if n := resident(t, from, size/pageSize); n == size/pageSize {
		t.Fatal("all is there already: nothing is tested")
	}
	Populate(size)
	if n := resident(t, from, size/pageSize); n != size/pageSize {
		t.Errorf("%d of %d pages are there", n, size/pageSize)
	}
}
