package limits

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// refused sees that create fails, names the field, says what to do, and leaves nothing.
func refused(t *testing.T, s *specs.Spec, parts ...string) {
	t.Helper()
	c := prepare(t, s)
	status, out := c.runtime("create", "--bundle", c.dir, c.id)
	for _, part := range parts {
		if status == 0 || !strings.Contains(out, part) {
			t.Errorf("exit status %d, want %q in: %s", status, part, out)
		}
	}
	if status == 0 {
		c.must("delete", "--force", c.id)
	}
	c.gone()
	if _, err := os.Stat("/run/limits/" + c.id); !os.IsNotExist(err) {
		t.Errorf("%s: its record is left: %v", c.id, err)
	}
}

// What the machine has not, or the kernel does not take, is an error with the field and
// a remedy; no limit is dropped.
func TestWhatTheMachineHasNotIsRefused(t *testing.T) {
	throttle := specs.LinuxThrottleDevice{Rate: 5}
	throttle.Major, throttle.Minor = 99, 9
	for _, c := range []struct {
		r     specs.LinuxResources
		parts []string
	}{
		{specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "7"}}, []string{".cpu.cpus: ", "Here are cpus 0-1."}},
		{specs.LinuxResources{CPU: &specs.LinuxCPU{Mems: "1"}}, []string{".cpu.mems: ", "Here are mems 0."}},
		{specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "no"}}, []string{".cpu.cpus: ", `"no"): invalid argument`}},
		{specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr(int64(500))}}, []string{".cpu.quota: ", "at least 1000 us"}},
		{specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr(int64(5000)), Burst: ptr(uint64(6000))}}, []string{".cpu.burst: ", "must not be above the quota"}},
		{specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: ptr(int64(2))}}, []string{".cpu.idle: ", "Give 0 or 1."}},
		{specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(5_000_000))}}, []string{".pids.limit: ", "up to 4194304"}},
		{specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "3MB", Limit: 1}}}, []string{".hugepageLimits[0]: ", "huge pages of 1GB and 2MB"}},
		{specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{throttle}}},
			[]string{".blockIO.throttleReadBpsDevice[0]: ", "There is no block device 99:9"}},
		{specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{"mlx5_0": {HcaHandles: ptr(uint32(1))}}}, []string{`.rdma["mlx5_0"]: `, "/sys/class/infiniband"}},
		{specs.LinuxResources{Unified: map[string]string{"memory.hihg": "1"}}, []string{`.unified["memory.hihg"]: `, "Did you mean memory.high?"}},
		{specs.LinuxResources{Unified: map[string]string{"frobnicate.max": "1"}}, []string{`.unified["frobnicate.max"]: `, "the cgroup controller frobnicate is not available"}},
		{specs.LinuxResources{Unified: map[string]string{"memory.max": "much"}}, []string{`.unified["memory.max"]: `, "invalid argument"}},
	} {
		refused(t, shell("true", &c.r), c.parts...)
	}
}

// A limit that is too low for init ends it here or there on its way; the reason is told
// all the same.
func TestTooLittleMemoryIsTold(t *testing.T) {
	for _, limit := range []int64{4096, 64 << 10, 128 << 10, 256 << 10, 512 << 10} {
		refused(t, shell("true", memory(limit)), ".linux.resources.memory.limit: container init ", "(memory limit too low?)", "it needs 1.25 MiB")
	}
	refused(t, shell("true", &specs.LinuxResources{Unified: map[string]string{"memory.max": "65536"}}), `.linux.resources.unified["memory.max"]: `, "too low?")
}

// A cgroup of threads takes no processes, and one below it no controllers that are about
// processes.
func TestThreadedCgroupsAreRefused(t *testing.T) {
	parent := cgroup(t, "threads")
	parent.write("cgroup.type", "threaded")
	for _, r := range []*specs.LinuxResources{nil, memory(64 << 20)} {
		c := prepare(t, shell("true", r))
		c.place("/threads/" + c.id)
		if status, out := c.runtime("create", "--bundle", c.dir, c.id); status == 0 || !strings.Contains(out, "threaded") {
			t.Errorf("exit status %d: %s", status, out)
		}
		c.gone()
	}
}

// A cgroup has the controllers that the one above it passes on. Who sees the cgroup as the
// root of the hierarchy, as in a container, cannot change that: the limit is refused, with
// its field and the controller, and without the limit the container is made.
func TestAControllerThatIsNotPassedOnIsRefused(t *testing.T) {
	above := cgroup(t, "above")
	above.enable("pids")
	below := dir{t, above.path + "/below"}
	must(t, os.Mkdir(below.path, 0o755))
	t.Cleanup(func() { must(t, os.Remove(below.path)) })

	c := prepare(t, shell("true", memory(64<<20)))
	c.cgroup = below.path + "/limits"
	out, err := c.createBelow(below)
	for _, part := range []string{".linux.resources.memory.limit: ", "the cgroup controller memory is not available in /, where there are: pids", "Enable it in the cgroups above, or leave the limit out."} {
		if err == nil || !strings.Contains(out, part) {
			t.Errorf("%v, want %q in: %s", err, part, out)
		}
	}
	c.gone()
	if _, err := os.Stat("/run/limits/" + c.id); !os.IsNotExist(err) {
		t.Errorf("%s: its record is left: %v", c.id, err)
	}
	// The control: nothing else keeps a container from being made there.
	c = prepare(t, shell("true", nil))
	c.cgroup = below.path + "/limits"
	if out, err := c.createBelow(below); err != nil {
		t.Errorf("without a limit: %v: %s", err, out)
	}
	c.gone()
}

// createBelow takes a container through create and delete with a cgroup as the root of
// the hierarchy.
func (c *container) createBelow(root dir) (string, error) {
	c.t.Helper()
	f, err := os.Open(root.path)
	must(c.t, err)
	defer f.Close()
	const script = `set -e
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		"$0" --root /run/limits create --bundle "$1" "$2" >"$1/said" 2>&1 </dev/null
		"$0" --root /run/limits delete --force "$2"
		rmdir /sys/fs/cgroup/limits 2>/dev/null || true`
	cmd := exec.Command("/bin/sh", "-c", script, c.binary, c.dir, c.id)
	// Unshared after birth in the cgroup: it becomes the root of the namespace.
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd()), Unshareflags: syscall.CLONE_NEWCGROUP | syscall.CLONE_NEWNS}
	err = cmd.Run()
	out, readErr := os.ReadFile(c.dir + "/said")
	must(c.t, readErr)
	return string(out), err
}
