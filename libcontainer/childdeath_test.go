package libcontainer

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/wire"
	"github.com/mdrun/mdrun/libcontainer/spawn"
)

// sleeper is a child that lives and holds its end of the channel, as one does that waits
// for its plan.
func sleeper(t *testing.T) *spawn.Child {
	t.Helper()
	host, far, err := wire.Pair()
	must(t, err)
	t.Cleanup(far.Close)
	pidfd := -1
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{PidFD: &pidfd}
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	go func() {
		awaitExit(pidfd, -1)
		far.Close()
	}()
	return &spawn.Child{PID: cmd.Process.Pid, PidFD: pidfd, Conn: host}
}

// A child that seems to be gone, because /proc does not show it, may live.
func TestNobodyWaitsForAChildThatLives(t *testing.T) {
	c := &creation{child: sleeper(t)}
	told := make(chan error, 1)
	go func() { told <- c.explainDeath(wire.ErrClosed) }()
	select {
	case err := <-told:
		if err == nil || !awaitExit(c.child.PidFD, 0) {
			t.Error("the child lives on:", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("create waits for the end of a child that waits for create")
	}
	_ = unix.PidfdSendSignal(c.child.PidFD, unix.SIGKILL, nil, 0)
}
