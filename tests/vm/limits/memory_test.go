package limits

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Who is above memory.high is not killed, but sleeps up to two seconds for each little
// more (cgroup-v2.rst, "memory.high").
func TestMemoryHighThrottles(t *testing.T) {
	limited := start(t, works(&specs.LinuxResources{Unified: map[string]string{"memory.high": "16777216"}}, "eat", 64))
	free := start(t, works(nil, "eat", 64))
	if !free.endsWithin(20 * time.Second) {
		t.Error("without a limit: not done in 20 s")
	}
	time.Sleep(time.Second)
	if limited.ended() {
		t.Errorf("with 16 MiB: done: %s", limited.output())
	}
	if n := limited.number("memory.events", "high"); n == 0 {
		t.Error("with 16 MiB: memory.events tells of none")
	}
	if n := free.number("memory.events", "high"); n != 0 {
		t.Errorf("without a limit: memory.events tells of %d", n)
	}
}

// The bundle counts memory and swap together.
func TestSwapIsWhatTheBundleLeavesForIt(t *testing.T) {
	swapOn(t)
	const mib = int64(1 << 20)
	both := func(memory, both int64) *specs.LinuxResources {
		return &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &memory, Swap: &both}}
	}
	c := start(t, works(both(24*mib, 96*mib), "eat", 48))
	if ws := c.wait(); ws != 0 {
		t.Errorf("with 24 MiB and 72 MiB of swap: ended with %#x: %s", ws, c.output())
	}
	c = start(t, works(both(24*mib, 24*mib), "eat", 48))
	if ws := c.wait(); !ws.Signaled() || ws.Signal() != syscall.SIGKILL {
		t.Errorf("with 24 MiB and no swap: ended with %#x, want SIGKILL: %s", ws, c.output())
	}
}

// swapOn gives the machine swap, in a disk of memory, for the time of a test.
func swapOn(t *testing.T) {
	t.Helper()
	disk := ramDisk(t)
	command(t, "mkswap", disk)
	command(t, "swapon", disk)
	t.Cleanup(func() { command(t, "swapoff", disk) })
}

// ramDisk is a disk of 64 MiB out of memory; without partitions and a scheduler.
func ramDisk(t *testing.T) string {
	t.Helper()
	command(t, "modprobe", "brd", "rd_nr=1", "rd_size=65536")
	return "/dev/ram0"
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}
