package limits

import (
	"os"
	"os/exec"
	"sort"
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
	// With few pids init has threads in reserve, which take memory too.
	little := memory(promise)
	little.Pids = pids(1).Pids
	for range 3 {
		if status, out := run(t, program(little, "/true")); status != 0 {
			t.Errorf("exit status %d with %d KiB and one pid: %s", status, promise>>10, out)
		}
	}
	ours := floor(t, os.Getenv(runtimeVar))
	t.Logf("the smallest memory.max that starts: %d KiB", ours)
	for _, peer := range []string{"runc", "crun"} {
		path, err := exec.LookPath(peer)
		must(t, err)
		theirs := floor(t, path)
		t.Logf("with %s: %d KiB", peer, theirs)
		if peer == "runc" && theirs < ours {
			t.Errorf("%d KiB, more than the %d KiB of runc", ours, theirs)
		}
	}
}

// floor is the smallest memory.max in KiB that a static program starts with, to the next
// 64 KiB.
func floor(t *testing.T, runtime string) int {
	t.Helper()
	const step, most = 64, 256
	starts := func(steps int) bool {
		c := prepare(t, program(memory(int64(steps*step)<<10), "/true"))
		c.binary = runtime
		status, _ := c.runtime("run", "--bundle", c.dir, c.id)
		_, _ = c.runtime("delete", "--force", c.id) // a peer may leave something
		return status == 0
	}
	return step * (1 + sort.Search(most, func(i int) bool { return starts(i + 1) }))
}

func memory(limit int64) *specs.LinuxResources {
	return &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
}

// A machine that is busy is where it fails if it does: init's threads come and go late.
func TestOnePidAlwaysStarts(t *testing.T) {
	busy(t, 4)
	for round := range 25 {
		if status, out := run(t, program(pids(1), "/true")); status != 0 {
			t.Errorf("start %d with one pid: exit status %d: %s", round, status, out)
		}
	}
	for _, n := range []int64{0, 2, 3, 5, 8, 10, 12, 15, 16} {
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
