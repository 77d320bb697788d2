package limits

import (
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

func TestOnePidAlwaysStarts(t *testing.T) {
	const rounds = 25
	for round := range rounds {
		one := &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(1))}}
		if status, out := run(t, program(one, "/true")); status != 0 {
			t.Errorf("start %d of %d: exit status %d: %s", round, rounds, status, out)
		}
	}
}
