package cgroupv2

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func closeFD(t *testing.T, fd int) {
	t.Helper()
	if err := unix.Close(fd); err != nil {
		t.Fatal(err)
	}
}

func ptr[T any](v T) *T { return &v }

func text(list []Setting) string {
	var lines []string
	for _, s := range list {
		lines = append(lines, s.File+" "+s.Value)
	}
	return strings.Join(lines, "\n")
}

func TestWeight(t *testing.T) {
	for shares, want := range map[uint64]uint64{2: 1, 3: 2, 10: 4, 100: 17, 128: 21, 256: 35, 512: 59, 768: 80, 1000: 99, 1024: 100, 2048: 174,
		4096: 303, 10240: 639, 65536: 3023, 131072: 5478, 262144: 10000, 1 << 40: 10000, 1: 1} {
		if got := Weight(shares); got != want {
			t.Errorf("%d shares: weight %d, want %d", shares, got, want)
		}
	}
	last := uint64(0)
	for shares := uint64(1); shares < 300_000; shares += 7 {
		w := Weight(shares)
		if w < last || w < 1 || w > 10000 {
			t.Fatalf("%d shares: weight %d after %d", shares, w, last)
		}
		last = w
	}
}

func TestSettings(t *testing.T) {
	mem := func(limit, reservation, swap *int64) *specs.LinuxResources {
		return &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: limit, Reservation: reservation, Swap: swap}}
	}
	cpu := func(c specs.LinuxCPU) *specs.LinuxResources { return &specs.LinuxResources{CPU: &c} }
	for name, c := range map[string]struct {
		in   *specs.LinuxResources
		want string
	}{
		"nothing":                 {nil, ""},
		"memory":                  {mem(ptr(int64(1000)), ptr(int64(500)), nil), "memory.max 1000\nmemory.low 500"},
		"memory and swap":         {mem(ptr(int64(1000)), nil, ptr(int64(1500))), "memory.swap.max 500\nmemory.max 1000"},
		"no swap":                 {mem(ptr(int64(1000)), nil, ptr(int64(1000))), "memory.swap.max 0\nmemory.max 1000"},
		"unlimited swap":          {mem(ptr(int64(1000)), nil, ptr(int64(-1))), "memory.swap.max max\nmemory.max 1000"},
		"unlimited memory":        {mem(ptr(int64(-1)), nil, nil), "memory.swap.max max\nmemory.max max"},
		"zeros are not set":       {mem(ptr(int64(0)), ptr(int64(0)), ptr(int64(0))), ""},
		"shares":                  {cpu(specs.LinuxCPU{Shares: ptr(uint64(1024))}), "cpu.weight 100"},
		"zero shares":             {cpu(specs.LinuxCPU{Shares: ptr(uint64(0))}), ""},
		"idle comes after shares": {cpu(specs.LinuxCPU{Shares: ptr(uint64(512)), Idle: ptr(int64(1))}), "cpu.weight 59\ncpu.idle 1"},
		"quota":                   {cpu(specs.LinuxCPU{Quota: ptr(int64(50000))}), "cpu.max 50000 100000"},
		"quota and period":        {cpu(specs.LinuxCPU{Quota: ptr(int64(5000)), Period: ptr(uint64(10000)), Burst: ptr(uint64(7))}), "cpu.max 5000 10000\ncpu.max.burst 7"},
		"period":                  {cpu(specs.LinuxCPU{Period: ptr(uint64(10000))}), "cpu.max max 10000"},
		"no quota":                {cpu(specs.LinuxCPU{Quota: ptr(int64(-1))}), "cpu.max max 100000"},
		"cpuset":                  {cpu(specs.LinuxCPU{Cpus: "0-1", Mems: "0"}), "cpuset.cpus 0-1\ncpuset.mems 0"},
		"pids":                    {&specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(64))}}, "pids.max 64"},
		"no limit of pids":        {&specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(-1))}}, "pids.max max"},
		"zero pids":               {&specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(0))}}, "pids.max 0"},
		"huge pages": {&specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4194304}}},
			"hugetlb.2MB.rsvd.max 4194304\nhugetlb.2MB.max 4194304"},
		"io weight": {&specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{Weight: ptr(uint16(10))}}, "io.bfq.weight 10"},
		"io limit": {&specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{throttle(8, 0, 1000)}}},
			"io.max 8:0 rbps=1000"},
		"rdma": {&specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{"mlx5": {HcaHandles: ptr(uint32(3))}}}, "rdma.max mlx5 hca_handle=3"},
		"unified comes last, cgroup.* behind the others, a line at a time": {
			&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(5))}, Unified: map[string]string{"cgroup.max.depth": "3", "memory.high": "4", "io.max": "8:0 rbps=1\n8:16 rbps=2"}},
			"memory.max 5\nio.max 8:0 rbps=1\nio.max 8:16 rbps=2\nmemory.high 4\ncgroup.max.depth 3"},
		"unified idle comes after unified weight, and nothing is written of an empty value": {
			&specs.LinuxResources{Unified: map[string]string{"cpu.idle": "1", "cpu.weight": "7", "memory.high": "", "cgroup.max.depth": "1", "pids.max": "9"}},
			"cpu.weight 7\npids.max 9\ncpu.idle 1\ncgroup.max.depth 1"},
		"rdma of two devices": {&specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{
			"b": {HcaObjects: ptr(uint32(0))}, "a": {HcaHandles: ptr(uint32(1)), HcaObjects: ptr(uint32(2))}}},
			"rdma.max a hca_handle=1 hca_object=2\nrdma.max b hca_object=0"},
		"io limits of all kinds, 0 for none": {&specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{
			ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{throttle(8, 0, 1), throttle(8, 16, 0)}, ThrottleWriteBpsDevice: []specs.LinuxThrottleDevice{throttle(8, 0, 2)},
			ThrottleReadIOPSDevice: []specs.LinuxThrottleDevice{throttle(8, 0, 3)}, ThrottleWriteIOPSDevice: []specs.LinuxThrottleDevice{throttle(8, 0, 4)}}},
			"io.max 8:0 rbps=1\nio.max 8:16 rbps=max\nio.max 8:0 wbps=2\nio.max 8:0 riops=3\nio.max 8:0 wiops=4"},
		"no-ops of engines": {&specs.LinuxResources{
			Memory:  &specs.LinuxMemory{Kernel: ptr(int64(-1)), KernelTCP: ptr(int64(0)), DisableOOMKiller: ptr(false), UseHierarchy: ptr(true)},
			CPU:     &specs.LinuxCPU{RealtimePeriod: ptr(uint64(0)), RealtimeRuntime: ptr(int64(0)), Shares: ptr(uint64(0)), Quota: ptr(int64(0)), Period: ptr(uint64(0))},
			BlockIO: &specs.LinuxBlockIO{Weight: ptr(uint16(0)), LeafWeight: ptr(uint16(0))}, Network: &specs.LinuxNetwork{ClassID: ptr(uint32(0))},
			Pids: &specs.LinuxPids{}}, ""},
	} {
		got, err := Settings(c.in)
		if err != nil || text(got) != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s\n(%v)", name, text(got), c.want, err)
		}
	}
}

func throttle(major, minor int64, rate uint64) specs.LinuxThrottleDevice {
	d := specs.LinuxThrottleDevice{Rate: rate}
	d.Major, d.Minor = major, minor
	return d
}

func TestSettingsThatCannotBe(t *testing.T) {
	for field, in := range map[string]*specs.LinuxResources{
		"memory.limit":               {Memory: &specs.LinuxMemory{Limit: ptr(int64(-5))}},
		"memory.swap":                {Memory: &specs.LinuxMemory{Limit: ptr(int64(10)), Swap: ptr(int64(5))}},
		"memory.swappiness":          {Memory: &specs.LinuxMemory{Swappiness: ptr(uint64(60))}},
		"memory.disableOOMKiller":    {Memory: &specs.LinuxMemory{DisableOOMKiller: ptr(true)}},
		"cpu.realtimeRuntime":        {CPU: &specs.LinuxCPU{RealtimeRuntime: ptr(int64(5))}},
		"blockIO.weight":             {BlockIO: &specs.LinuxBlockIO{Weight: ptr(uint16(9))}},
		"blockIO.leafWeight":         {BlockIO: &specs.LinuxBlockIO{LeafWeight: ptr(uint16(9))}},
		"blockIO.weightDevice[0]":    {BlockIO: &specs.LinuxBlockIO{WeightDevice: []specs.LinuxWeightDevice{{}}}},
		"hugepageLimits[0].pageSize": {HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2M"}}},
		"network.classID":            {Network: &specs.LinuxNetwork{ClassID: ptr(uint32(1))}},
		`unified["../x"]`:            {Unified: map[string]string{"../x": "1"}},
		`unified["memory"]`:          {Unified: map[string]string{"memory": "1"}},
		`rdma["d"]`:                  {Rdma: map[string]specs.LinuxRdma{"d": {}}},
		`unified["cgroup.procs"]`:    {Unified: map[string]string{"cgroup.procs": "1"}},
		`unified["cgroup.threads"]`:  {Unified: map[string]string{"cgroup.threads": "1"}},
		`unified["cgroup.kill"]`:     {Unified: map[string]string{"cgroup.kill": "1"}},
		`unified["cgroup.freeze"]`:   {Unified: map[string]string{"cgroup.freeze": "1"}},
		"memory.reservation":         {Memory: &specs.LinuxMemory{Reservation: ptr(int64(-2))}},
		"memory.useHierarchy":        {Memory: &specs.LinuxMemory{UseHierarchy: ptr(false)}},
		"memory.kernel":              {Memory: &specs.LinuxMemory{Kernel: ptr(int64(1))}},
		"memory.kernelTCP":           {Memory: &specs.LinuxMemory{KernelTCP: ptr(int64(1))}},
		"cpu.realtimePeriod":         {CPU: &specs.LinuxCPU{RealtimePeriod: ptr(uint64(5))}},
		"network.priorities":         {Network: &specs.LinuxNetwork{Priorities: []specs.LinuxInterfacePriority{{}}}},
	} {
		_, err := Settings(in)
		var value *ValueError
		if !errors.As(err, &value) || value.Field != resources+field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestControllersAreNamedOnce(t *testing.T) {
	got := ControllersFor([]Setting{{File: "memory.max"}, {File: "cpuset.cpus"}, {File: "memory.low"}, {File: "cgroup.max.depth"}, {File: "cpu.max"}})
	if strings.Join(got, " ") != "memory cpuset cpu" {
		t.Errorf("controllers %v", got)
	}
}

func TestNearNames(t *testing.T) {
	names := []string{"memory.max", "memory.min", "memory.high"}
	for word, want := range map[string]string{"memory.hihg": "memory.high", "memory.ma": "memory.max", "memory.mim": "memory.min", "pids.max": "", "memory": ""} {
		if got := nearest(word, names); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}

func TestWeightsOfDisks(t *testing.T) {
	for w, spread := range map[uint16]string{10: "1", 100: "910", 500: "4950", 1000: "10000"} {
		list, err := Settings(&specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{Weight: &w, WeightDevice: []specs.LinuxWeightDevice{weight(8, 0, w)}}})
		if err != nil || len(list) != 2 {
			t.Fatalf("%v, %v", list, err)
		}
		own := strconv.Itoa(int(w))
		for i, want := range []string{own, "8:0 " + own} {
			if list[i].File != "io.bfq.weight" || list[i].Value != want {
				t.Errorf("%d: %s %s", w, list[i].File, list[i].Value)
			}
		}
		for i, want := range []string{"default " + spread, "8:0 " + spread} {
			if e := list[i].Else; e.File != "io.weight" || e.Value != want {
				t.Errorf("%d: %s %s, want %s", w, e.File, e.Value, want)
			}
		}
	}
	for _, w := range []uint16{9, 1001} {
		if _, err := Settings(&specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{WeightDevice: []specs.LinuxWeightDevice{weight(8, 0, w)}}}); err == nil {
			t.Errorf("weight %d is taken", w)
		}
	}
}

func weight(major, minor int64, w uint16) specs.LinuxWeightDevice {
	d := specs.LinuxWeightDevice{Weight: &w}
	d.Major, d.Minor = major, minor
	return d
}

func TestLists(t *testing.T) {
	for _, c := range []struct {
		a, b   string
		within bool
	}{{"0-1", "0-3,7", true}, {"7", "0-3,7", true}, {"0-1", "1", false}, {"6-8", "0-7", false}, {"2", "0,2", true}} {
		a, ok := parseList(c.a + "\n")
		b, too := parseList(c.b)
		if !ok || !too || a.within(b) != c.within {
			t.Errorf("%s within %s: want %t", c.a, c.b, c.within)
		}
	}
	for _, s := range []string{"", "a", "1-", "-1", "3-1", "1,,2", "0-5:1/2"} {
		if _, ok := parseList(s); ok {
			t.Errorf("%q is read", s)
		}
	}
}
