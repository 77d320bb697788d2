package libcontainer

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// A stranger that has got the number of a process that was listed lives on.
func TestASignalReachesOnlyWhoIsStillListed(t *testing.T) {
	start := func() (*exec.Cmd, chan error) {
		cmd := exec.Command("sleep", "100")
		must(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		return cmd, ended
	}
	ours, oursEnded := start()
	stranger, strangerEnded := start()
	calls := 0
	must(t, signalEach(func() ([]int, error) {
		calls++
		if calls == 1 {
			return []int{1 << 22, someThread(t), stranger.Process.Pid, ours.Process.Pid}, nil // the first is no pid at all
		}
		return []int{ours.Process.Pid}, nil
	}, syscall.SIGTERM))
	select {
	case <-oursEnded:
	case <-time.After(10 * time.Second):
		t.Fatal("the process that is listed has got no signal")
	}
	select {
	case err := <-strangerEnded:
		t.Fatalf("the stranger has ended: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
}

// someThread is a number that a process may have had and a thread has now.
func someThread(t *testing.T) int {
	t.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	must(t, err)
	for _, e := range threads {
		if tid, err := strconv.Atoi(e.Name()); err == nil && tid != os.Getpid() {
			return tid
		}
	}
	t.Fatal("there is no thread")
	return 0
}

// Of more processes than are held at a time, each gets the signal.
func TestEveryProcessGetsTheSignal(t *testing.T) {
	const many = batch + 10
	var pids []int
	ended := make(chan error, many)
	for range many {
		cmd := exec.Command("sleep", "100")
		must(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		pids = append(pids, cmd.Process.Pid)
		go func() { ended <- cmd.Wait() }()
	}
	must(t, signalEach(func() ([]int, error) { return pids, nil }, syscall.SIGTERM))
	late := time.After(20 * time.Second)
	for i := range many {
		select {
		case <-ended:
		case <-late:
			t.Fatalf("%d of %d have ended", i, many)
		}
	}
}
