package limits

import (
	"os/exec"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// A container that was small before must still start: the memory and the threads of
// the runtime's own init count against the container's limits.

func TestSmallestMemoryThatStarts(t *testing.T) {
	const promise, rounds = 1280 << 10, 10
	for round := range rounds {
		if status, out := run(t, program(memory(promise), "/true")); status != 0 {
			t.Errorf("round %d: exit status %d with %d KiB: %s", round, status, promise>>10, out)
		}
	}
	floor := int64(promise)
	for floor > 64<<10 {
		if status, _ := run(t, program(memory(floor-64<<10), "/true")); status != 0 {
			break
		}
		floor -= 64 << 10
	}
	t.Logf("the smallest memory.max that starts: %d KiB", floor>>10)
}

func memory(limit int64) *specs.LinuxResources {
	return &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
}

// A machine that is busy is where it fails if it does: init's threads come and go late.
func TestOnePidAlwaysStarts(t *testing.T) {
	busy(t, 6)
	for round := range 25 {
		if status, out := run(t, program(pids(1), "/true")); status != 0 {
			t.Errorf("start %d with one pid: exit status %d: %s", round, status, out)
		}
	}
	for n := int64(2); n <= 20; n++ {
		if status, out := run(t, program(pids(n), "/true")); status != 0 {
			t.Errorf("start with %d pids: exit status %d: %s", n, status, out)
		}
	}
}

func pids(n int64) *specs.LinuxResources {
	return &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &n}}
}

// busy keeps the machine's CPUs from the test with so many processes.
func busy(t *testing.T, n int) {
	t.Helper()
	for range n {
		cmd := exec.Command(busybox(t), "sh", "-c", spin)
		must(t, cmd.Start())
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
	}
}
