package limits

import (
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Three want the same CPU and none of them is throttled: the weight alone decides.
func TestCPUWeightShares(t *testing.T) {
	pinned := func(c specs.LinuxCPU) *container {
		c.Cpus = "1"
		return start(t, shell(spin, &specs.LinuxResources{CPU: &c}))
	}
	// The idle one first: beside the others it would not come to its start.
	idle := pinned(specs.LinuxCPU{Shares: ptr(uint64(8192)), Idle: ptr(int64(1))})
	little, much := pinned(specs.LinuxCPU{Shares: ptr(uint64(1024))}), pinned(specs.LinuxCPU{Shares: ptr(uint64(8192))})
	used := together(2*time.Second, much, little, idle)
	if used[0] < 3*used[1] {
		t.Errorf("with 8192 shares %d us, with 1024 %d us: want 5 times as much", used[0], used[1])
	}
	if used[1] < 3*used[2] {
		t.Errorf("with 1024 shares %d us, idle %d us: want 30 times as much", used[1], used[2])
	}
	much.must("delete", "--force", much.id)
	idle.must("delete", "--force", idle.id)
	equal := pinned(specs.LinuxCPU{Shares: ptr(uint64(1024))})
	if used := together(2*time.Second, little, equal); used[0] > 2*used[1] || used[1] > 2*used[0] {
		t.Errorf("with 1024 shares each: %d us and %d us", used[0], used[1])
	}
}

// together tells how much each uses of the CPU in the same time.
func together(d time.Duration, list ...*container) []int {
	before := make([]int, len(list))
	for i, c := range list {
		before[i] = c.number("cpu.stat", "usage_usec")
	}
	time.Sleep(d)
	for i, c := range list {
		before[i] = c.number("cpu.stat", "usage_usec") - before[i]
	}
	return before
}

func TestCPUBurstIsUsed(t *testing.T) {
	quota := func(burst uint64) *specs.LinuxResources {
		return &specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr(int64(20_000)), Period: ptr(uint64(100_000)), Burst: ptr(burst)}}
	}
	with, without := start(t, works(quota(20_000), "bursts", 30)), start(t, works(quota(0), "bursts", 30))
	with.wait()
	without.wait()
	if n := with.number("cpu.stat", "nr_bursts"); n == 0 {
		t.Errorf("with a burst: none was used: %s", with.file("cpu.stat"))
	}
	if n := without.number("cpu.stat", "nr_bursts"); n != 0 {
		t.Errorf("without a burst: %d were used", n)
	}
}

// What of a cpuset is there is used; when nothing of it is, that is an error.
func TestCPUSetOfWhatIsThere(t *testing.T) {
	parent := cgroup(t, "narrow")
	parent.enable("cpuset")
	parent.write("cpuset.cpus", "1")
	c := prepare(t, shell("true", &specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "0-1"}}))
	c.place("/narrow/" + c.id)
	c.created()
	if got := c.file("cpuset.cpus.effective"); got != "1" {
		t.Errorf("with cpus 0-1 in a cgroup that has 1: %s, want 1", got)
	}
	c = prepare(t, shell("true", &specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "0"}}))
	c.place("/narrow/" + c.id)
	status, out := c.runtime("create", "--bundle", c.dir, c.id)
	if want := ".linux.resources.cpu.cpus: "; status == 0 || !strings.Contains(out, want) || !strings.Contains(out, "Here are cpus 1.") {
		t.Errorf("with cpus 0 in a cgroup that has 1: exit status %d: %s", status, out)
	}
	c.gone()
}
