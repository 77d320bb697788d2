// Package cgroupv2 knows the kernel's cgroup v2 files
// (Documentation/admin-guide/cgroup-v2.rst), not containers: it turns the resources
// of a specification into settings, and makes, limits, empties and removes cgroups.
package cgroupv2

import (
	"math"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Setting is one value for one file of a cgroup.
type Setting struct {
	File, Value string
	Field       string // the jq path in config.json that asks for it
	// Optional settings are skipped where the kernel has no such file.
	Optional bool
	// Else is written instead where the kernel has no File.
	Else *Setting
}

// ValueError is a value that has no counterpart in cgroup v2 or is out of range.
type ValueError struct{ Field, Text, Hint string }

func (e *ValueError) Error() string { return e.Field + ": " + e.Text }

const resources = ".linux.resources."

// Settings turns resources into settings, in the order of writing; the device rules
// are no files, see DeviceProgram. Zeros that engines send for "not set" are skipped,
// except that of pids, which is a limit (config-linux.md "PIDs", since 1.3.0).
func Settings(r *specs.LinuxResources) ([]Setting, error) {
	if r == nil {
		return nil, nil
	}
	s := &settings{}
	s.memory(r.Memory)
	s.cpu(r.CPU)
	s.pids(r.Pids)
	s.io(r.BlockIO)
	s.hugetlb(r.HugepageLimits)
	s.rdma(r.Rdma)
	s.network(r.Network)
	s.unified(r.Unified) // last: it wins over the other fields
	return s.list, s.err
}

type settings struct {
	list []Setting
	seen map[string]string // what has a limit, and the field that gives it
	err  error
}

func (s *settings) add(file, value, field string) {
	s.list = append(s.list, Setting{File: file, Value: value, Field: resources + field})
}

func (s *settings) refuse(field, text, hint string) {
	if s.err == nil {
		s.err = &ValueError{Field: resources + field, Text: text, Hint: hint}
	}
}

// once refuses a second limit of one thing in a list: the kernel would keep the last.
func (s *settings) once(field, what string) bool {
	list, _, _ := strings.Cut(field, "[")
	if first := s.seen[list+what]; first != "" {
		s.refuse(field, what+" stands twice, first at "+resources+first, "Leave one of the two out.")
		return false
	}
	if s.seen == nil {
		s.seen = map[string]string{}
	}
	s.seen[list+what] = field
	return true
}

// limit prints a limit of which -1 means none.
func limit(n int64) string {
	if n == -1 {
		return "max"
	}
	return strconv.FormatInt(n, 10)
}

const noCounterpart = "has no counterpart in cgroup v2"

func (s *settings) memory(m *specs.LinuxMemory) {
	if m == nil {
		return
	}
	for name, v := range map[string]*int64{"limit": m.Limit, "reservation": m.Reservation, "swap": m.Swap} {
		if v != nil && *v < -1 {
			s.refuse("memory."+name, strconv.FormatInt(*v, 10)+" is no amount of memory", "Give bytes, or -1 for no limit.")
		}
	}
	s.swap(m)
	if m.Limit != nil && *m.Limit != 0 {
		s.add("memory.max", limit(*m.Limit), "memory.limit")
	}
	if m.Reservation != nil && *m.Reservation != 0 {
		s.add("memory.low", limit(*m.Reservation), "memory.reservation")
	}
	if m.Swappiness != nil {
		s.refuse("memory.swappiness", noCounterpart, "Leave it out.")
	}
	if m.DisableOOMKiller != nil && *m.DisableOOMKiller {
		s.refuse("memory.disableOOMKiller", noCounterpart, "Leave it out.")
	}
	if m.UseHierarchy != nil && !*m.UseHierarchy {
		s.refuse("memory.useHierarchy", "cgroup v2 is always hierarchical", "Leave it out.")
	}
	for name, v := range map[string]*int64{"kernel": m.Kernel, "kernelTCP": m.KernelTCP} {
		if v != nil && *v > 0 {
			s.refuse("memory."+name, noCounterpart, "Leave it out: memory.limit counts the kernel's memory too.")
		}
	}
}

// swap: the specification counts memory and swap together, cgroup v2 swap alone.
func (s *settings) swap(m *specs.LinuxMemory) {
	var memory, both int64
	if m.Limit != nil {
		memory = *m.Limit
	}
	if m.Swap != nil {
		both = *m.Swap
	}
	value := ""
	switch {
	case both == 0 && memory == -1, both == -1:
		value = "max"
	case both == 0:
		return
	case memory == 0:
		s.refuse("memory.swap", "a limit of memory and swap needs a limit of memory", "Set memory.limit too.")
		return
	case memory == -1:
		value = limit(both)
	case both < memory:
		s.refuse("memory.swap", "the limit of memory and swap is below that of memory alone", "Memory.swap counts both together.")
		return
	default:
		value = limit(both - memory)
	}
	field := "memory.swap"
	if both == 0 {
		field = "memory.limit"
	}
	// A kernel without swap accounting cannot give any: nothing to limit.
	s.list = append(s.list, Setting{File: "memory.swap.max", Value: value, Field: resources + field, Optional: value == "0" || value == "max"})
}

// Weight turns shares of cgroup v1 (2 to 262144, default 1024) into a weight of
// cgroup v2 (1 to 10000, default 100): a curve through both ends and both defaults.
func Weight(shares uint64) uint64 {
	switch {
	case shares <= 2:
		return 1
	case shares >= 262144:
		return 10000
	}
	l := math.Log2(float64(shares))
	exact := math.Pow(10, (l*l+125*l)/612-7.0/34)
	// 1024 is exactly 100; rounding errors differ between machines.
	return uint64(math.Ceil(exact - 1e-9))
}

func (s *settings) cpu(c *specs.LinuxCPU) {
	if c == nil {
		return
	}
	if c.Shares != nil && *c.Shares != 0 {
		s.add("cpu.weight", strconv.FormatUint(Weight(*c.Shares), 10), "cpu.shares")
	}
	// After the weight: an idle cgroup refuses one.
	if c.Idle != nil {
		// The file came with Linux 5.15; without it nothing is idle.
		s.list = append(s.list, Setting{File: "cpu.idle", Value: strconv.FormatInt(*c.Idle, 10), Field: resources + "cpu.idle", Optional: *c.Idle == 0})
	}
	s.bandwidth(c)
	if c.Cpus != "" {
		s.add("cpuset.cpus", c.Cpus, "cpu.cpus")
	}
	if c.Mems != "" {
		s.add("cpuset.mems", c.Mems, "cpu.mems")
	}
	if c.RealtimeRuntime != nil && *c.RealtimeRuntime != 0 {
		s.refuse("cpu.realtimeRuntime", noCounterpart, "Leave it out.")
	}
	if c.RealtimePeriod != nil && *c.RealtimePeriod != 0 {
		s.refuse("cpu.realtimePeriod", noCounterpart, "Leave it out.")
	}
}

func (s *settings) bandwidth(c *specs.LinuxCPU) {
	quota, field := "max", "cpu.period"
	if c.Quota != nil && *c.Quota > 0 {
		quota, field = strconv.FormatInt(*c.Quota, 10), "cpu.quota"
	}
	period := uint64(0)
	if c.Period != nil {
		period = *c.Period
	}
	given := c.Quota != nil && *c.Quota != 0
	if given || period != 0 {
		if period == 0 {
			period = 100000
		}
		s.add("cpu.max", quota+" "+strconv.FormatUint(period, 10), field)
	}
	if c.Burst != nil {
		s.add("cpu.max.burst", strconv.FormatUint(*c.Burst, 10), "cpu.burst")
	}
}

func (s *settings) pids(p *specs.LinuxPids) {
	if p == nil || p.Limit == nil {
		return
	}
	n := *p.Limit
	if n < 0 {
		n = -1
	}
	s.add("pids.max", limit(n), "pids.limit")
}

func (s *settings) hugetlb(list []specs.LinuxHugepageLimit) {
	for i, h := range list {
		field := "hugepageLimits[" + strconv.Itoa(i) + "]"
		if !pageSize(h.Pagesize) {
			s.refuse(field+".pageSize", strconv.Quote(h.Pagesize)+" is no page size", "Give for example 2MB or 1GB.")
			return
		}
		if !s.once(field+".pageSize", h.Pagesize) {
			return
		}
		value := strconv.FormatUint(h.Limit, 10)
		// The limit of reservations came with Linux 5.7 and can be compiled out.
		s.list = append(s.list, Setting{File: "hugetlb." + h.Pagesize + ".rsvd.max", Value: value, Field: resources + field, Optional: true})
		s.add("hugetlb."+h.Pagesize+".max", value, field)
	}
}

func pageSize(s string) bool {
	if len(s) < 3 || s[len(s)-1] != 'B' || !strings.ContainsRune("KMG", rune(s[len(s)-2])) || s[0] == '0' {
		return false
	}
	_, err := strconv.ParseUint(s[:len(s)-2], 10, 64)
	return err == nil
}

func (s *settings) rdma(m map[string]specs.LinuxRdma) {
	for _, device := range sorted(m) {
		v := m[device]
		line := device
		if v.HcaHandles != nil {
			line += " hca_handle=" + strconv.FormatUint(uint64(*v.HcaHandles), 10)
		}
		if v.HcaObjects != nil {
			line += " hca_object=" + strconv.FormatUint(uint64(*v.HcaObjects), 10)
		}
		field := "rdma[" + strconv.Quote(device) + "]"
		if line == device {
			s.refuse(field, "neither hcaHandles nor hcaObjects is given", "Give at least one.")
			return
		}
		s.add("rdma.max", line, field)
	}
}

func (s *settings) network(n *specs.LinuxNetwork) {
	switch {
	case n == nil:
	case n.ClassID != nil && *n.ClassID != 0:
		s.refuse("network.classID", noCounterpart, "Leave it out.")
	case len(n.Priorities) > 0:
		s.refuse("network.priorities", noCounterpart, "Leave it out.")
	}
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
