package libcontainer

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// leaderEnds makes the test program a process whose first thread ends and that goes on.
const leaderEnds = "MDRUN_TEST_FIRST_THREAD_ENDS"

func init() {
	if os.Getenv(leaderEnds) == "" {
		return
	}
	runtime.LockOSThread() // init runs on the first thread
	go func() {
		time.Sleep(time.Minute)
		os.Exit(0)
	}()
	_, _, _ = unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
}

// Such a program runs; it can be signalled, and must not be taken for one that has ended.
func TestAProcessWithoutItsFirstThreadIsAlive(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), leaderEnds+"=1")
	must(t, cmd.Start())
	pid := cmd.Process.Pid
	var p process
	for end := time.Now().Add(10 * time.Second); p.State != 'Z' && time.Now().Before(end); time.Sleep(time.Millisecond) {
		p, _ = readProcess(pid)
	}
	if _, ok := alive(pid, p.Start); !ok || p.State != 'Z' {
		t.Errorf("%+v: not alive", p)
	}
	fd, ok := holdProcess(pid, p.Start)
	if !ok {
		t.Fatal("cannot be held")
	}
	defer unix.Close(fd)
	must(t, unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0))
	if !awaitExit(fd, 10_000) {
		t.Fatal("does not end")
	}
	if q, ok := readProcess(pid); !ok || q.State != 'Z' {
		t.Errorf("%+v, %v: nobody has waited for it", q, ok)
	}
	if _, ok := alive(pid, p.Start); ok {
		t.Error("a zombie is alive")
	}
	_ = cmd.Wait()
}
