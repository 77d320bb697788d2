package limits

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// own is a container that may change its cgroup: the program is an ordinary user.
func own(script string, r *specs.LinuxResources) *specs.Spec {
	s := shell(script, r)
	s.Process.User = specs.User{UID: 1000, GID: 1000}
	s.Process.Capabilities = &specs.LinuxCapabilities{}
	s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev"}})
	return s
}

func TestAContainerMayMakeCgroupsOfItsOwn(t *testing.T) {
	const script = `cd /sys/fs/cgroup && mkdir init work && echo 0 >init/cgroup.procs && echo +memory +pids >cgroup.subtree_control &&
		echo 16777216 >work/memory.max && cat work/memory.max memory.max && exec sleep 1000`
	c := create(t, own(script, memory(256<<20)))
	c.must("start", c.id)
	if !c.prints("16777216\n268435456\n") {
		t.Fatalf("printed: %s", c.output())
	}
	c.must("delete", "--force", c.id)
	c.gone()
}

// Its own limits are not the container's to change.
func TestAContainerCannotRaiseItsLimits(t *testing.T) {
	for _, file := range []string{"memory.max", "pids.max", "cpu.weight", "cgroup.max.depth"} {
		status, out := run(t, own("echo max >/sys/fs/cgroup/"+file, memory(256<<20)))
		if status == 0 || !strings.Contains(out, "ermission denied") {
			t.Errorf("%s: exit status %d: %s", file, status, out)
		}
	}
}

// Where the bundle names no cgroup, it is beside the runtime's own: with systemd that
// is inside the unit that was delegated to us, without it below the root.
func TestLimitsHoldBesideTheRuntimesOwnCgroup(t *testing.T) {
	data, err := os.ReadFile("/proc/self/cgroup")
	must(t, err)
	parent, isTests := strings.CutSuffix(strings.TrimPrefix(strings.TrimSpace(string(data)), "0::"), "/tests")
	if !isTests {
		t.Fatalf("the tests run in %s, want a cgroup of the name tests", data)
	}
	c := prepare(t, program(memory(16<<20), strings.Fields(hog)...))
	c.place("")
	c.cgroup = "/sys/fs/cgroup" + parent + "/" + c.id
	c.created()
	systemdReloads(t)
	c.must("start", c.id)
	if ws := c.wait(); !ws.Signaled() {
		t.Errorf("with 16 MiB: ended with %#x, want SIGKILL: %s", ws, c.output())
	}
	if got := c.file("memory.max"); got != "16777216" {
		t.Errorf("memory.max %s", got)
	}
}

// systemdReloads lets systemd, where it is process 1, look at all of its units again, and
// start one: it must not take our limits for something to be put in order.
func systemdReloads(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return // the boot without systemd
	}
	for _, args := range [][]string{{"systemctl", "daemon-reload"}, {"systemd-run", "--quiet", "--wait", "--property=MemoryMax=50M", "true"}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v: %s", args, err, out)
		}
	}
}
