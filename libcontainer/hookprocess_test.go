package libcontainer

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/hook"
)

// hanging is a hook of three processes that never ends; pids are those of the shell and
// of what it has started.
func hanging(t *testing.T) (h *hook.Held, on hookProcess, pids []int) {
	t.Helper()
	dir, err := hookDir(t.TempDir())
	must(t, err)
	defer unix.Close(dir)
	file := filepath.Join(t.TempDir(), "pids")
	h, err = hook.Hold(&hook.Program{Kind: "poststart", Path: "/bin/sh", Args: []string{"sh", "-c",
		"sleep 1000 & echo $$ $! >" + file + "; sleep 1000 >/dev/null 2>&1 & echo $! >>" + file + "; echo end >>" + file + "; wait"}, Env: []string{"PATH=/usr/bin:/bin"}}, dir)
	must(t, err)
	on, err = identify(h)
	must(t, err)
	must(t, h.Open())
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		data, _ := os.ReadFile(file)
		if text, ok := strings.CutSuffix(string(data), "end\n"); ok {
			for _, f := range strings.Fields(text) {
				pid, err := strconv.Atoi(f)
				must(t, err)
				pids = append(pids, pid)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the hook says %q", data)
		}
	}
	if len(pids) != 3 || pids[0] != on.PID || on.Field != ".hooks.poststart[0]" {
		t.Fatalf("%v, %+v", pids, on)
	}
	for _, pid := range pids[1:] { // until then they are the shell
		for p, ok := readProcess(pid); ok && p.Comm != "sleep"; p, ok = readProcess(pid) {
			time.Sleep(time.Millisecond)
		}
	}
	t.Cleanup(func() {
		for _, pid := range pids[1:] {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	})
	return h, on, pids
}

func running(pid int) bool {
	p, ok := readProcess(pid)
	return ok && !p.dead()
}

func TestAHookOnRecordIsKilledWithItsGroup(t *testing.T) {
	h, on, pids := hanging(t)
	if !on.kill() {
		t.Error("the leader was not found")
	}
	for _, pid := range pids {
		if running(pid) {
			t.Errorf("process %d of %v still runs", pid, pids)
		}
	}
	if err := h.Wait(-1); err == nil || !strings.Contains(err.Error(), "killed by SIGKILL") {
		t.Error(err)
	}
}

// Without the leader only those are killed that hold the hook's output: the number of
// the group could be another's by now.
func TestWhatAHookLeftIsKilledByItsPipe(t *testing.T) {
	h, on, pids := hanging(t)
	must(t, unix.Kill(on.PID, unix.SIGKILL))
	var ws unix.WaitStatus
	_, err := unix.Wait4(on.PID, &ws, 0, nil)
	must(t, err)
	if on.kill() {
		t.Error("a leader was found")
	}
	if running(pids[1]) {
		t.Error("the process that holds the pipe still runs")
	}
	if !running(pids[2]) {
		t.Error("a process was killed that nothing shows to be the hook's")
	}
	unix.Close(h.PidFD)
	unix.Close(h.Output)
}

func TestAGroupOfAnotherIsNotKilled(t *testing.T) {
	h, on, pids := hanging(t)
	other := on
	other.StartTime++
	other.Pipe++
	if other.kill() {
		t.Error("another start time was taken for the same process")
	}
	(&hookProcess{}).kill()
	for _, pid := range pids {
		if !running(pid) {
			t.Errorf("process %d was killed", pid)
		}
	}
	on.kill()
	_ = h.Wait(-1)
}

func TestAHookIsKnownByItsSession(t *testing.T) {
	h, on, _ := hanging(t)
	if !on.leadsSession(on.PID) {
		t.Error("its own session is not the hook's")
	}
	later := on
	later.StartTime++
	if on.leadsSession(on.PID+1) || later.leadsSession(on.PID) || (&hookProcess{}).leadsSession(0) {
		t.Error("another session was taken for the hook's")
	}
	on.kill()
	_ = h.Wait(-1)
}

func TestARecordIsNoPlaceForAnyProcess(t *testing.T) {
	for _, pid := range []string{"0", "1", "-1"} {
		if _, _, err := decodeRecord([]byte(`{"version":1,"id":"a","hook":{"pid":` + pid + `}}`)); err == nil {
			t.Errorf("process %s was taken for a hook", pid)
		}
	}
}

// Only a hook that has begun must not be begun again.
func TestAHookAtItsGateHasNotBegun(t *testing.T) {
	dir, err := hookDir(t.TempDir())
	must(t, err)
	defer unix.Close(dir)
	for name, script := range map[string]string{"prints": "echo x; sleep 1000", "prints elsewhere": "exec >/dev/null 2>&1; sleep 1000"} {
		h, err := hook.Hold(&hook.Program{Kind: "poststop", Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}}, dir)
		must(t, err)
		on, err := identify(h)
		must(t, err)
		if !on.atGate() {
			t.Errorf("%s: it has begun before its gate is open", name)
		}
		must(t, h.Open())
		if on.atGate() {
			t.Errorf("%s: it has not begun although its gate is open", name)
		}
		if !on.kill() {
			t.Errorf("%s: nobody to kill", name)
		}
		_ = h.Wait(-1) // how it ended is known
	}
	if (&hookProcess{}).atGate() {
		t.Error("no hook is at a gate")
	}
}
