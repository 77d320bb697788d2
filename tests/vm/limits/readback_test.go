package limits

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// all asks for something of every controller that a machine without special
// hardware has.
func all(t *testing.T) *specs.LinuxResources {
	major, minor := disk(t)
	device := specs.LinuxThrottleDevice{Rate: 1 << 20}
	device.Major, device.Minor = major, minor
	operations := device
	operations.Rate = 100
	return &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Reservation: ptr(int64(32 << 20)), Swap: ptr(int64(96 << 20))},
		CPU: &specs.LinuxCPU{
			Shares: ptr(uint64(262144)), Quota: ptr(int64(50_000)), Period: ptr(uint64(100_000)), Burst: ptr(uint64(10_000)),
			Cpus: "1", Mems: "0",
		},
		Pids: &specs.LinuxPids{Limit: ptr(int64(50))},
		BlockIO: &specs.LinuxBlockIO{
			ThrottleReadBpsDevice:   []specs.LinuxThrottleDevice{device},
			ThrottleWriteIOPSDevice: []specs.LinuxThrottleDevice{operations},
		},
		HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4 << 20}},
		Unified:        map[string]string{"memory.high": "50331648", "memory.oom.group": "1"},
	}
}

// disk is the number of the machine's first disk.
func disk(t *testing.T) (major, minor int64) {
	t.Helper()
	data, err := os.ReadFile("/sys/block/vda/dev")
	must(t, err)
	a, b, _ := strings.Cut(strings.TrimSpace(string(data)), ":")
	major, err = strconv.ParseInt(a, 10, 64)
	must(t, err)
	minor, err = strconv.ParseInt(b, 10, 64)
	must(t, err)
	return major, minor
}

func TestEveryFileReadsBackWhatTheBundleSays(t *testing.T) {
	major, minor := disk(t)
	number := strconv.FormatInt(major, 10) + ":" + strconv.FormatInt(minor, 10)
	c := create(t, shell("true", all(t)))
	for _, want := range []struct{ file, value string }{
		{"memory.max", "67108864"},
		{"memory.low", "33554432"},
		{"memory.swap.max", "33554432"}, // the bundle counts memory and swap together
		{"cpu.weight", "10000"},
		{"cpu.max", "50000 100000"},
		{"cpu.max.burst", "10000"},
		{"cpuset.cpus", "1"},
		{"cpuset.mems", "0"},
		{"pids.max", "50"},
		{"io.max", number + " rbps=1048576 wbps=max riops=max wiops=100"},
		{"hugetlb.2MB.max", "4194304"},
		{"memory.high", "50331648"},
		{"memory.oom.group", "1"},
	} {
		if got := c.file(want.file); got != want.value {
			t.Errorf("%s: %q, want %q", want.file, got, want.value)
		}
	}
}

func TestIdleReadsBack(t *testing.T) {
	c := create(t, shell("true", &specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: ptr(int64(1))}}))
	if got := c.file("cpu.idle"); got != "1" {
		t.Errorf("cpu.idle: %q, want 1", got)
	}
}

// TestNothingAskedNothingLimited is the negative control of the reading.
func TestNothingAskedNothingLimited(t *testing.T) {
	// Another container has had every controller switched on for this one's parent.
	create(t, shell("true", all(t)))
	c := create(t, shell("true", nil))
	for _, want := range []struct{ file, value string }{
		{"memory.max", "max"}, {"memory.low", "0"}, {"memory.swap.max", "max"}, {"memory.high", "max"},
		{"cpu.weight", "100"}, {"cpu.max", "max 100000"}, {"cpuset.cpus", ""}, {"pids.max", "max"}, {"io.max", ""},
		{"hugetlb.2MB.max", "max"},
	} {
		if got := c.file(want.file); got != want.value {
			t.Errorf("%s: %q, want %q", want.file, got, want.value)
		}
	}
}
