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
	// Each of the four has a number of its own, so that none can be taken for another.
	written, reads, writes := device, device, device
	written.Rate, reads.Rate, writes.Rate = 2<<20, 200, 100
	return &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Reservation: ptr(int64(32 << 20)), Swap: ptr(int64(96 << 20))},
		CPU: &specs.LinuxCPU{
			Shares: ptr(uint64(262144)), Quota: ptr(int64(50_000)), Period: ptr(uint64(100_000)), Burst: ptr(uint64(10_000)),
			Cpus: "1", Mems: "0",
		},
		Pids: &specs.LinuxPids{Limit: ptr(int64(50))},
		BlockIO: &specs.LinuxBlockIO{
			ThrottleReadBpsDevice:   []specs.LinuxThrottleDevice{device},
			ThrottleWriteBpsDevice:  []specs.LinuxThrottleDevice{written},
			ThrottleReadIOPSDevice:  []specs.LinuxThrottleDevice{reads},
			ThrottleWriteIOPSDevice: []specs.LinuxThrottleDevice{writes},
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
		{"io.max", number + " rbps=1048576 wbps=2097152 riops=200 wiops=100"},
		{"hugetlb.2MB.max", "4194304"},
		{"hugetlb.2MB.rsvd.max", "4194304"},
		{"memory.high", "50331648"},
		{"memory.oom.group", "1"},
	} {
		if got := c.file(want.file); got != want.value {
			t.Errorf("%s: %q, want %q", want.file, got, want.value)
		}
	}
}

// One throttle alone leaves the other three of the line as they are.
func TestOneThrottleReadsBack(t *testing.T) {
	major, minor := disk(t)
	number := strconv.FormatInt(major, 10) + ":" + strconv.FormatInt(minor, 10)
	device := specs.LinuxThrottleDevice{Rate: 300}
	device.Major, device.Minor = major, minor
	one := []specs.LinuxThrottleDevice{device}
	for _, c := range []struct {
		io   specs.LinuxBlockIO
		want string
	}{
		{specs.LinuxBlockIO{ThrottleReadBpsDevice: one}, "rbps=300 wbps=max riops=max wiops=max"},
		{specs.LinuxBlockIO{ThrottleWriteBpsDevice: one}, "rbps=max wbps=300 riops=max wiops=max"},
		{specs.LinuxBlockIO{ThrottleReadIOPSDevice: one}, "rbps=max wbps=max riops=300 wiops=max"},
		{specs.LinuxBlockIO{ThrottleWriteIOPSDevice: one}, "rbps=max wbps=max riops=max wiops=300"},
	} {
		if got := create(t, shell("true", &specs.LinuxResources{BlockIO: &c.io})).file("io.max"); got != number+" "+c.want {
			t.Errorf("io.max: %q, want %q", got, number+" "+c.want)
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
		{"hugetlb.2MB.max", "max"}, {"hugetlb.2MB.rsvd.max", "max"},
	} {
		if got := c.file(want.file); got != want.value {
			t.Errorf("%s: %q, want %q", want.file, got, want.value)
		}
	}
}
