package step

import (
	"os"
	"runtime"
	"testing"
)

// threadsNow counts the threads of this process, see proc_pid_task(5).
func threadsNow(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func descriptorsNow(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestSpareThreadsAreThere(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // as in init
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	files := descriptorsNow(t)
	const count = 40
	if err := (&SpareThreads{Count: count}).Apply(nil); err != nil {
		t.Fatal(err)
	}
	// Our own and the monitor's come on top.
	if n := threadsNow(t); n < count+2 {
		t.Errorf("%d threads, want at least %d", n, count+2)
	}
	if n := descriptorsNow(t); n != files {
		t.Errorf("%d descriptors, want %d as before", n, files)
	}
	// Threads that are there are used again.
	for range 10 {
		if err := (&SpareThreads{Count: count}).Apply(nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := threadsNow(t); n > 2*count {
		t.Errorf("%d threads after 10 times, want about %d", n, count+2)
	}
}
