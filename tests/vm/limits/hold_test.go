package limits

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func ptr[T any](v T) *T { return &v }

// hog wants 64 MiB at once and touches all of them.
const hog = "dd if=/dev/zero of=/dev/null bs=64M count=1"

func TestMemoryMaxKills(t *testing.T) {
	limited := &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(16 << 20)), Swap: ptr(int64(16 << 20))}}
	c := start(t, program(limited, strings.Fields(hog)...))
	if ws := c.wait(); !ws.Signaled() || ws.Signal() != syscall.SIGKILL {
		t.Errorf("with 16 MiB: ended with %#x, want SIGKILL: %s", ws, c.output())
	}
	if n := c.number("memory.events", "oom_kill"); n != 1 {
		t.Errorf("with 16 MiB: %d processes killed for want of memory, want 1", n)
	}
	c = start(t, program(nil, strings.Fields(hog)...))
	if ws := c.wait(); ws != 0 {
		t.Errorf("without a limit: ended with %#x, want 0: %s", ws, c.output())
	}
}

func TestPidsMaxRefuses(t *testing.T) {
	const twenty = "i=0; while [ $i -lt 20 ]; do sleep 2 & i=$((i + 1)); done; wait"
	c := start(t, shell(twenty, &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(6))}}))
	if ws := c.wait(); ws == 0 {
		t.Error("with 6 pids: 20 processes were started")
	}
	if n := c.number("pids.events", "max"); n == 0 {
		t.Error("with 6 pids: no fork was refused")
	}
	if !strings.Contains(c.output(), "fork") {
		t.Errorf("with 6 pids: the shell says %q, want that it cannot fork", c.output())
	}
	c = start(t, shell(twenty, nil))
	if ws := c.wait(); ws != 0 {
		t.Errorf("without a limit: ended with %#x: %s", ws, c.output())
	}
}

const spin = "while :; do :; done"

func TestCPUMaxThrottles(t *testing.T) {
	tenth := &specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr(int64(10_000)), Period: ptr(uint64(100_000))}}
	c := start(t, shell(spin, tenth))
	if share := c.cpuShare(); share > 0.2 {
		t.Errorf("with a tenth of a CPU: used %.2f of one", share)
	}
	if n := c.number("cpu.stat", "nr_throttled"); n == 0 {
		t.Error("with a tenth of a CPU: never throttled")
	}
	c = start(t, shell(spin, nil))
	if share := c.cpuShare(); share < 0.5 {
		t.Errorf("without a limit: used only %.2f of a CPU", share)
	}
}

// cpuShare is the part of one CPU that the container uses, over two seconds.
func (c *container) cpuShare() float64 {
	before, begin := c.number("cpu.stat", "usage_usec"), time.Now()
	time.Sleep(2 * time.Second)
	used := c.number("cpu.stat", "usage_usec") - before
	return float64(used) / float64(time.Since(begin).Microseconds())
}

func TestCPUSetPins(t *testing.T) {
	c := start(t, shell(spin, &specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "1"}}))
	if got := c.allowedCPUs(); got != "1" {
		t.Errorf("with cpus 1: allowed %s", got)
	}
	for range 50 {
		if got := c.runsOn(); got != "1" {
			t.Errorf("with cpus 1: runs on %s", got)
		}
		time.Sleep(2 * time.Millisecond)
	}
	c = start(t, shell(spin, nil))
	if got := c.allowedCPUs(); got != "0-1" {
		t.Errorf("without a limit: allowed %s, want 0-1", got)
	}
}

func (c *container) allowedCPUs() string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
	must(c.t, err)
	_, rest, _ := strings.Cut(string(data), "Cpus_allowed_list:\t")
	list, _, _ := strings.Cut(rest, "\n")
	return list
}

// runsOn reads the CPU, field 39 of /proc/PID/stat, see proc_pid_stat(5).
func (c *container) runsOn() string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.pid))
	must(c.t, err)
	_, rest, _ := strings.Cut(string(data), ") ") // the fields from number 3 on
	return strings.Fields(rest)[39-3]
}

// The machine's own disk is what no container may reach by itself.
func TestDeviceIsDenied(t *testing.T) {
	major, minor := disk(t)
	node := fmt.Sprintf("mknod /dev/disk b %d %d && mknod /dev/zero2 c 1 5 && : </dev/zero2 && ", major, minor)
	const read, write, denied = ": </dev/disk", ": >>/dev/disk", "/dev/disk: Operation not permitted"
	allowed := func() *specs.LinuxResources {
		rule := specs.LinuxDeviceCgroup{Allow: true, Type: "b", Major: &major, Minor: &minor, Access: "r"}
		return &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{rule}}
	}
	if status, out := run(t, shell(node+read, nil)); status == 0 || !strings.Contains(out, denied) {
		t.Errorf("without a rule: exit status %d: %s", status, out)
	}
	if status, out := run(t, shell(node+read, allowed())); status != 0 {
		t.Errorf("with a rule that allows reading: exit status %d: %s", status, out)
	}
	if status, out := run(t, shell(node+write, allowed())); status == 0 || !strings.Contains(out, denied) {
		t.Errorf("with a rule that allows reading: writing: exit status %d: %s", status, out)
	}
}
