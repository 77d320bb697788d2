package cgroupv2

import (
	"errors"
	"math"
	"strings"
	"testing"
	"testing/quick"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func weightOf(major, minor int64, w *uint16) specs.LinuxWeightDevice {
	d := specs.LinuxWeightDevice{Weight: w}
	d.Major, d.Minor = major, minor
	return d
}

func TestSettingsOfIO(t *testing.T) {
	throttled := []specs.LinuxThrottleDevice{throttle(8, 0, 1000), throttle(8, 16, 0)}
	for name, c := range map[string]struct {
		in   specs.LinuxBlockIO
		want string
	}{
		"nothing":           {specs.LinuxBlockIO{}, ""},
		"zeros are not set": {specs.LinuxBlockIO{Weight: ptr(uint16(0)), LeafWeight: ptr(uint16(0))}, ""},
		"every throttle": {specs.LinuxBlockIO{ThrottleReadBpsDevice: throttled, ThrottleWriteBpsDevice: throttled, ThrottleReadIOPSDevice: throttled, ThrottleWriteIOPSDevice: throttled},
			"io.max 8:0 rbps=1000\nio.max 8:16 rbps=max\nio.max 8:0 wbps=1000\nio.max 8:16 wbps=max\nio.max 8:0 riops=1000\nio.max 8:16 riops=max\nio.max 8:0 wiops=1000\nio.max 8:16 wiops=max"},
		"weights of devices come after the weight of all": {specs.LinuxBlockIO{Weight: ptr(uint16(1000)), WeightDevice: []specs.LinuxWeightDevice{weightOf(8, 0, ptr(uint16(10)))}},
			"io.bfq.weight 1000\nio.bfq.weight 8:0 10"},
	} {
		got, err := Settings(&specs.LinuxResources{BlockIO: &c.in})
		if err != nil || text(got) != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s\n(%v)", name, text(got), c.want, err)
		}
	}
}

// Where the kernel has no BFQ the other file takes the weight, on its own scale.
func TestTheWeightHasTwoFiles(t *testing.T) {
	for w, want := range map[uint16]string{10: "default 1", 100: "default 910", 500: "default 4950", 1000: "default 10000"} {
		got, err := Settings(&specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{Weight: &w}})
		if err != nil || len(got) != 1 || got[0].Else == nil || got[0].Else.File != "io.weight" || got[0].Else.Value != want || got[0].Else.Field != got[0].Field {
			t.Errorf("weight %d: %+v, %v", w, got, err)
		}
	}
	got, err := Settings(&specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{WeightDevice: []specs.LinuxWeightDevice{weightOf(8, 0, ptr(uint16(1000)))}}})
	if err != nil || got[0].Else.Value != "8:0 10000" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestPageSizes(t *testing.T) {
	for size, good := range map[string]bool{"2MB": true, "1GB": true, "64KB": true, "32MB": true, "512MB": true, "16GB": true, "8MB": false, "2mb": false, "2M": false, "": false, "MB": false, "B": false,
		"02MB": false, "0MB": false, "-2MB": false, "+2MB": false, " 2MB": false, "2 MB": false, "2.5MB": false, "2TB": false, "../2MB": false, "2/MB": false, "2MB\n": false} {
		got, err := Settings(&specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "8MB", Limit: 1}, {Pagesize: size, Limit: math.MaxUint64}}})
		if (err == nil) != good {
			t.Errorf("%q: %v", size, err)
		}
		var value *ValueError
		if !good && (!errors.As(err, &value) || value.Field != ".linux.resources.hugepageLimits[1].pageSize") {
			t.Errorf("%q: %v", size, err)
		}
		if good && (len(got) != 4 || got[3].File != "hugetlb."+size+".max" || got[3].Value != "18446744073709551615" || !got[2].Optional || got[3].Optional) {
			t.Errorf("%q: %+v", size, got)
		}
	}
}

// Of two limits of one thing the kernel would keep the last, whichever was meant.
func TestALimitIsGivenOnce(t *testing.T) {
	throttled := []specs.LinuxThrottleDevice{throttle(8, 0, 1000), throttle(8, 16, 5), throttle(8, 0, 7)}
	for field, in := range map[string]specs.LinuxResources{
		"hugepageLimits[1].pageSize":         {HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 1}, {Pagesize: "2MB", Limit: 2}, {Pagesize: "1GB"}}},
		"blockIO.throttleReadBpsDevice[2]":   {BlockIO: &specs.LinuxBlockIO{ThrottleReadBpsDevice: throttled}},
		"blockIO.throttleWriteIOPSDevice[2]": {BlockIO: &specs.LinuxBlockIO{ThrottleReadBpsDevice: throttled[:2], ThrottleWriteIOPSDevice: throttled}},
		"blockIO.weightDevice[1]":            {BlockIO: &specs.LinuxBlockIO{WeightDevice: []specs.LinuxWeightDevice{weightOf(8, 0, ptr(uint16(10))), weightOf(8, 0, ptr(uint16(20)))}}},
	} {
		_, err := Settings(&in)
		var value *ValueError
		if !errors.As(err, &value) || value.Field != resources+field || !strings.HasSuffix(value.Text, " stands twice, first at "+resources+first(field)) || value.Hint == "" {
			t.Errorf("%s: %+v", field, err)
		}
	}
}

// first turns the field of an entry into that of the first one.
func first(field string) string {
	list, rest, _ := strings.Cut(field, "[")
	return list + "[0" + rest[1:]
}

func TestUnifiedKeysAreNamesOfFiles(t *testing.T) {
	for _, key := range []string{"", ".", "..", "memory", ".memory", "../memory.max", "a/b.c", "/sys.x", "memory.max\n", "memory.max\x00", "./memory.max"} {
		if got, err := Settings(&specs.LinuxResources{Unified: map[string]string{key: "1"}}); err == nil || !strings.Contains(err.Error(), "not the name of a cgroup file") {
			t.Errorf("%q: %+v, %v", key, got, err)
		}
	}
	// Whatever the key, what is written to lies in the cgroup.
	safe := func(key, value string) bool {
		got, err := Settings(&specs.LinuxResources{Unified: map[string]string{key: value}})
		for _, s := range got {
			if err == nil && (strings.ContainsAny(s.File, "/\x00") || s.File == "" || s.File[0] == '.' || strings.Contains(s.Value, "\n")) {
				return false
			}
		}
		return true
	}
	if err := quick.Check(safe, &quick.Config{MaxCount: 3000}); err != nil {
		t.Error(err)
	}
}

// Every setting names the field that asks for it.
func TestSettingsNameTheirField(t *testing.T) {
	got, err := Settings(&specs.LinuxResources{
		Memory:         &specs.LinuxMemory{Limit: ptr(int64(9)), Reservation: ptr(int64(8)), Swap: ptr(int64(10))},
		CPU:            &specs.LinuxCPU{Shares: ptr(uint64(2)), Quota: ptr(int64(3000)), Period: ptr(uint64(9000)), Burst: ptr(uint64(1)), Idle: ptr(int64(0)), Cpus: "0", Mems: "0"},
		Pids:           &specs.LinuxPids{Limit: ptr(int64(5))},
		BlockIO:        &specs.LinuxBlockIO{Weight: ptr(uint16(10)), ThrottleWriteIOPSDevice: []specs.LinuxThrottleDevice{throttle(1, 2, 3)}},
		HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB"}},
		Rdma:           map[string]specs.LinuxRdma{"mlx5_1": {HcaObjects: ptr(uint32(4)), HcaHandles: ptr(uint32(5))}},
		Unified:        map[string]string{"memory.high": "7"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"memory.swap.max=1 memory.swap", "memory.max=9 memory.limit", "memory.low=8 memory.reservation", "cpu.weight=1 cpu.shares", "cpu.idle=0 cpu.idle", "cpu.max=3000 9000 cpu.quota",
		"cpu.max.burst=1 cpu.burst", "cpuset.cpus=0 cpu.cpus", "cpuset.mems=0 cpu.mems", "pids.max=5 pids.limit", "io.bfq.weight=10 blockIO.weight", "io.max=1:2 wiops=3 blockIO.throttleWriteIOPSDevice[0]",
		"hugetlb.2MB.rsvd.max=0 hugepageLimits[0]", "hugetlb.2MB.max=0 hugepageLimits[0]", `rdma.max=mlx5_1 hca_handle=5 hca_object=4 rdma["mlx5_1"]`, `memory.high=7 unified["memory.high"]`}
	for _, s := range got {
		line := s.File + "=" + s.Value + " " + strings.TrimPrefix(s.Field, resources)
		found := false
		for _, w := range want {
			found = found || w == line
		}
		if !found {
			t.Errorf("unexpected %s", line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d settings, want %d", len(got), len(want))
	}
}

func TestValuesThatAreOutOfRange(t *testing.T) {
	for field, in := range map[string]*specs.LinuxResources{
		"memory.reservation":             {Memory: &specs.LinuxMemory{Reservation: ptr(int64(-2))}},
		"memory.kernel":                  {Memory: &specs.LinuxMemory{Kernel: ptr(int64(5))}},
		"memory.kernelTCP":               {Memory: &specs.LinuxMemory{KernelTCP: ptr(int64(5))}},
		"memory.useHierarchy":            {Memory: &specs.LinuxMemory{UseHierarchy: ptr(false)}},
		"cpu.realtimePeriod":             {CPU: &specs.LinuxCPU{RealtimePeriod: ptr(uint64(5))}},
		"network.priorities":             {Network: &specs.LinuxNetwork{Priorities: []specs.LinuxInterfacePriority{{Name: "lo"}}}},
		"blockIO.weightDevice[0].weight": {BlockIO: &specs.LinuxBlockIO{WeightDevice: []specs.LinuxWeightDevice{weightOf(8, 0, ptr(uint16(1001)))}}},
	} {
		_, err := Settings(in)
		var value *ValueError
		if !errors.As(err, &value) || value.Field != resources+field || value.Hint == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
	if got, err := Settings(&specs.LinuxResources{Memory: &specs.LinuxMemory{Kernel: ptr(int64(-1)), UseHierarchy: ptr(true), DisableOOMKiller: ptr(false)}, CPU: &specs.LinuxCPU{RealtimeRuntime: ptr(int64(0))},
		Network: &specs.LinuxNetwork{ClassID: ptr(uint32(0))}}); err != nil || len(got) != 0 {
		t.Errorf("what asks for nothing: %+v, %v", got, err)
	}
}
