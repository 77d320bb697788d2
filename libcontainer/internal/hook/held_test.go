package hook

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func hold(t *testing.T, line string) *Held {
	t.Helper()
	dir, err := unix.Open(t.TempDir(), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	h, err := Hold(&Program{Kind: "prestart", Path: "/bin/sh", Args: []string{"sh", "-c", line}, Env: []string{"A=1"}, State: []byte("the state")}, dir)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Until the gate opens the process is there, and has done nothing.
func TestAHeldHookWaits(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	h := hold(t, `echo "$A $(cat) $(pwd)" >`+mark+`; echo /proc/self/fd/* >>`+mark)
	time.Sleep(50 * time.Millisecond)
	if _, err := os.Stat(mark); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it did not wait: %v", err)
	}
	if session, err := unix.Getsid(h.PID); session != h.PID {
		t.Errorf("session %d, %v", session, err)
	}
	cwd, _ := os.Readlink("/proc/" + strconv.Itoa(h.PID) + "/cwd")
	if err := h.Open(); err != nil {
		t.Fatal(err)
	}
	if err := h.Wait(-1); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(mark)
	dir, _, _ := strings.Cut(strings.TrimPrefix(string(got), "1 the state "), "\n")
	if !strings.HasSuffix(string(got), "\n/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n") || dir == cwd || !strings.HasPrefix(dir, os.TempDir()) {
		t.Errorf("%q", got)
	}
}

func TestADroppedHookNeverRuns(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	h := hold(t, "echo >"+mark)
	h.Drop()
	if err := unix.Kill(h.PID, 0); err != unix.ESRCH {
		t.Errorf("kill(%d): %v", h.PID, err)
	}
	if _, err := os.Stat(mark); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it ran: %v", err)
	}
}

// The end of the runtime is the end of the gate: nobody else holds our end.
func TestAHeldHookEndsWithTheRuntime(t *testing.T) {
	h, other := hold(t, "exit 0"), hold(t, "exit 0")
	defer other.Drop()
	if err := unix.Close(h.gate); err != nil {
		t.Fatal(err)
	}
	p := []unix.PollFd{{Fd: int32(h.PidFD), Events: unix.POLLIN}}
	if n, err := unix.Poll(p, 5000); n != 1 {
		t.Errorf("it still waits: %v", err)
	}
	h.reap()
}

// A held hook keeps nobody from seeing our end of anything: a lock, a channel.
func TestAHeldHookHoldsNothingOfOurs(t *testing.T) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	high, err := unix.FcntlInt(uintptr(pipe[1]), unix.F_DUPFD_CLOEXEC, 200)
	if err != nil {
		t.Fatal(err)
	}
	h := hold(t, "exit 0")
	defer h.Drop()
	unix.Close(high)
	unix.Close(pipe[1])
	p := []unix.PollFd{{Fd: int32(pipe[0]), Events: unix.POLLIN}}
	if n, err := unix.Poll(p, 5000); n != 1 || p[0].Revents&unix.POLLHUP == 0 {
		t.Errorf("the pipe is still open: %v", err)
	}
	unix.Close(pipe[0])
}

func TestAHookThatWasKilledAtItsGate(t *testing.T) {
	h := hold(t, "exit 0")
	if err := unix.Kill(h.PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	err := h.Open()
	if err == nil {
		err = h.Wait(-1)
	}
	if err == nil || !strings.Contains(err.Error(), "prestart hook /bin/sh: killed by SIGKILL") {
		t.Error(err)
	}
}

func TestAHeldHookThatIsNoProgram(t *testing.T) {
	dir, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	h, err := Hold(&Program{Kind: "prestart", Path: "/no/such/hook"}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Open(); err == nil || !strings.Contains(err.Error(), `prestart hook /no/such/hook: execve("/no/such/hook"): no such file or directory`) {
		t.Error(err)
	}
}

func TestManyHooksAtOnce(t *testing.T) {
	done := make(chan error)
	const many = 20
	for range many {
		go func() {
			h := hold(t, "exit 3")
			if err := h.Open(); err != nil {
				done <- err
				return
			}
			done <- h.Wait(-1)
		}()
	}
	for range many {
		var f *Failure
		if err := <-done; !errors.As(err, &f) || f.What != "exit status 3" {
			t.Error(err)
		}
	}
}

// A lease of its file holds execve up (fcntl(2) F_SETLEASE), as a filesystem does that does
// not answer.
func TestTheTimeOfAHookCountsFromItsExecve(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	lease, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(lease)
	if _, err := unix.FcntlInt(uintptr(lease), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skip("no lease on a file of this folder:", err)
	}
	h, err := Hold(&Program{Kind: "prestart", Path: path, Timeout: 1}, unix.AT_FDCWD)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		err := h.Open()
		if err == nil {
			err = h.Wait(-1)
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		var failed *Failure
		if !errors.As(err, &failed) || failed.What != "timed out" {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it is waited for without end")
	}
}
