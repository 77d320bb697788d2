package goruntime

import (
	"fmt"
	"os"
	"strings"
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

// writable gives the end of the memory that can be written to from an address on.
func writable(t *testing.T, from uintptr) (end uintptr) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	end = from
	for line := range strings.Lines(string(maps)) {
		var low, high uintptr
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &low, &high, &mode); err != nil {
			t.Fatal(err)
		}
		if low <= end && end < high && mode[1] == 'w' {
			end = high
		}
	}
	return end
}

// The Go runtime begins with 4 MiB of heap, somewhere in which the first stack lies: so it is
// not always as much as asked for that can be had.
func TestPopulateGivesTheHeapBehindTheStackItsMemory(t *testing.T) {
	if unix.Getpagesize() != pageSize {
		t.Skip("pages are larger here")
	}
	GrowStack()
	var here byte
	from := uintptr(unsafe.Pointer(&here)) &^ (pageSize - 1)
	pages := int(min(1<<20, writable(t, from)-from) / pageSize)
	before := resident(t, from, pages)
	Populate(1 << 20)
	if after := resident(t, from, pages); pages == 0 || after != pages {
		t.Errorf("of %d pages %d were there and %d are", pages, before, after)
	}
}
