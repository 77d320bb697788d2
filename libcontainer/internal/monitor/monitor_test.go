package monitor

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// policy reads the scheduling policy of one of our threads: field 41 of proc_pid_stat(5).
func policy(t *testing.T, tid int) string {
	t.Helper()
	stat, err := os.ReadFile("/proc/self/task/" + strconv.Itoa(tid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	_, behind, _ := strings.Cut(string(stat), ") ")
	return strings.Fields(behind)[41-3]
}

// Of all threads it is the monitor that is hushed: the one that was made first, and that
// sleeps by nanosleep(2).
func TestTheMonitorIsHushed(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("with one processor the monitor is left alone")
	}
	before := policy(t, os.Getpid())
	Hush()
	if hushed == 0 {
		t.Fatal("not found")
	}
	tid := int(hushed)
	if p := policy(t, tid); p != strconv.Itoa(unix.SCHED_IDLE) {
		t.Errorf("its policy is %s", p)
	}
	if first := secondThread(t); tid != first {
		t.Errorf("it is thread %d, but %d was made first", tid, first)
	}
	if p := policy(t, os.Getpid()); p != before {
		t.Errorf("the policy of the first thread was %s and is %s", before, p)
	}
	sleeps := false
	for end := time.Now().Add(10 * time.Second); !sleeps && time.Now().Before(end); {
		call, err := os.ReadFile("/proc/self/task/" + strconv.Itoa(tid) + "/syscall")
		if err != nil {
			t.Fatal(err)
		}
		sleeps = strings.HasPrefix(string(call), strconv.Itoa(unix.SYS_NANOSLEEP)+" ")
	}
	if !sleeps {
		t.Error("it is another thread: it does not sleep by nanosleep")
	}
	Rouse()
	if p := policy(t, tid); p != before {
		t.Errorf("roused, its policy is %s, not %s", p, before)
	}
	Rouse() // nothing is left to do
}

// secondThread is the one with the lowest number but the first.
func secondThread(t *testing.T) int {
	t.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	lowest := 0
	for _, thread := range threads {
		if tid, _ := strconv.Atoi(thread.Name()); tid != os.Getpid() && (lowest == 0 || tid < lowest) {
			lowest = tid
		}
	}
	return lowest
}

func TestAThreadGetsThePolicyOfTheFirst(t *testing.T) {
	done := make(chan bool)
	var try func()
	try = func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if unix.Gettid() == os.Getpid() {
			go try()
			<-done
			return
		}
		defer close(done)
		if !setScheduler(0, unix.SCHED_IDLE, 0) {
			t.Error("sched_setscheduler fails")
			return
		}
		if p := policy(t, unix.Gettid()); p != strconv.Itoa(unix.SCHED_IDLE) {
			t.Errorf("the policy is %s", p)
		}
		Outgrow()
		if p, want := policy(t, unix.Gettid()), policy(t, os.Getpid()); p != want {
			t.Errorf("the policy is %s, not %s", p, want)
		}
	}
	go try()
	<-done
}
