package limits

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The README's line, with a root directory and no bundle.
func TestOneLineHoldsThreeLimits(t *testing.T) {
	if name := filepath.Base(os.Getenv(runtimeVar)); name != "mdrun" {
		t.Skip(name + " needs a bundle")
	}
	limits := []string{"--memory", "16M", "--pids", "6", "--cpus", "0.5"}
	c := prepare(t, program(nil, "/true"))
	c.id, c.cgroup = "oneliner", "/sys/fs/cgroup/oneliner"
	line := func(flags []string, script string) (int, string) {
		before := len(c.soFar())
		args := append([]string{"run", "--rootfs", filepath.Join(c.dir, "rootfs"), "--name", c.id}, flags...)
		status, _ := c.runtime(append(args, "--", "/bin/sh", "-c", script)...)
		c.gone()
		return status, c.output()[before:]
	}
	const files = "cd /sys/fs/cgroup; cat memory.max memory.swap.max pids.max cpu.max"
	if status, out := line(limits, files); out != "16777216\n0\n6\n50000 100000\n" {
		t.Errorf("exit status %d; the files of the cgroup are %q", status, out)
	}
	for _, l := range []struct{ script, sign string }{
		{hog + "; echo ended with $?", "ended with 137"},
		{"exec " + hog, ".linux.resources.memory.limit: run oneliner: killed by the memory limit, not by a signal from outside: memory.max is 16777216, memory.events oom_kill 1\n"},
		{"i=0; while [ $i -lt 20 ]; do sleep 1 & i=$((i + 1)); done; wait; echo all", "can't fork"},
		{"i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; busybox grep throttled /sys/fs/cgroup/cpu.stat | busybox grep -v ' 0$' && echo was throttled", "was throttled"},
	} {
		if status, out := line(limits, l.script); !strings.Contains(out, l.sign) {
			t.Errorf("%s: with limits: exit status %d: %q, want %q", l.script, status, out, l.sign)
		}
		if status, out := line(nil, l.script); strings.Contains(out, l.sign) {
			t.Errorf("%s: without limits: exit status %d: %q", l.script, status, out)
		}
	}
}

// soFar is the output, also before there is any.
func (c *container) soFar() string {
	data, err := os.ReadFile(filepath.Join(c.dir, "output"))
	if !os.IsNotExist(err) {
		must(c.t, err)
	}
	return string(data)
}
