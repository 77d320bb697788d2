package limits

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// This test is itself a program of containers, for what busybox cannot do: under the
// name `inside`, with the work to do and a number.

const insideName = "inside"

// insideWorks are the works; each gives the exit status.
var insideWorks = map[string]func(n int) error{
	"eat": func(n int) error { return touch(n<<20, os.Getpagesize(), 0) },
	// 2 MB is the size of huge pages that every x86-64 has.
	"hugepages": func(n int) error { return touch(n*hugePage, hugePage, unix.MAP_HUGETLB) },
	"bursts":    bursts,
}

const hugePage = 2 << 20

// runInside does the work instead of the tests.
func runInside(args []string) {
	n, err := strconv.Atoi(args[2])
	if err == nil {
		err = insideWorks[args[1]](n)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("done")
	os.Exit(0)
}

// touch takes memory and writes to every page of it.
func touch(size, page, flags int) error {
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|flags)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	for i := 0; i < len(b); i += page {
		b[i] = 1
	}
	return nil
}

// bursts uses the CPU for n milliseconds at a time, and rests between.
func bursts(n int) error {
	for range 8 {
		for end := cpuTime() + time.Duration(n)*time.Millisecond; cpuTime() < end; {
		}
		time.Sleep(300 * time.Millisecond)
	}
	return nil
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// works is a bundle that does one of the works.
func works(r *specs.LinuxResources, work string, n int) *specs.Spec {
	return program(r, "/"+insideName, work, strconv.Itoa(n))
}

// ownProgram is a copy of this test that the bundles link to, see busybox.
func ownProgram(t *testing.T) string {
	t.Helper()
	path := filepath.Join(os.TempDir(), "program-of-limits")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	data, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	must(t, os.WriteFile(path, data, 0o755))
	return path
}
