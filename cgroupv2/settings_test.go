package cgroupv2

import (
	"errors"
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
		"zero pids is not set":    {&specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(0))}}, ""},
		"huge pages": {&specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4194304}}},
			"hugetlb.2MB.rsvd.max 4194304\nhugetlb.2MB.max 4194304"},
		"io weight": {&specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{Weight: ptr(uint16(10))}}, "io.bfq.weight 10"},
		"io limit": {&specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{throttle(8, 0, 1000)}}},
			"io.max 8:0 rbps=1000"},
		"rdma": {&specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{"mlx5": {HcaHandles: ptr(uint32(3))}}}, "rdma.max mlx5 hca_handle=3"},
		"unified comes last, cgroup.* behind the others, a line at a time": {
			&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(5))}, Unified: map[string]string{"cgroup.max.depth": "3", "memory.high": "4", "io.max": "8:0 rbps=1\n8:16 rbps=2"}},
			"memory.max 5\nio.max 8:0 rbps=1\nio.max 8:16 rbps=2\nmemory.high 4\ncgroup.max.depth 3"},
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
	if commonEnds("memory.hihg", "memory.high") < len("memory.high")-2 {
		t.Error("two swapped letters are not near")
	}
	if commonEnds("memory.max", "pids.max") >= len("memory.max")-2 {
		t.Error("memory.max is near pids.max")
	}
}
