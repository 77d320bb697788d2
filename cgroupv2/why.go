package cgroupv2

import (
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// advice is what can be done about what the kernel answers to a setting.
var advice = []struct {
	file  string
	errno unix.Errno // 0: any
	text  string
}{
	{"cpu.max", unix.EINVAL, "The quota must be at least 1000 us, the period between 1000 and 1000000 us, the burst not above the quota."},
	{"cpu.max.burst", unix.EINVAL, "The burst must not be above the quota."},
	{"cpu.weight", unix.EINVAL, "Give 1 to 10000; an idle cgroup (cpu.idle 1) takes no weight."},
	{"cpu.idle", unix.EINVAL, "Give 0 or 1."},
	{"pids.max", unix.EINVAL, "The kernel counts up to 4194304; no limit is -1 in .pids.limit, and max in the file."},
	{"memory.swap.max", unix.ENOENT, "The kernel counts no swap here: boot with swapaccount=1, or leave memory.swap out."},
	{"io.weight", unix.ENOENT, "Neither the BFQ scheduler (modprobe bfq) nor io.cost is there to give weights to."},
	{"io.bfq.weight", unix.EOPNOTSUPP, "Weights need the BFQ scheduler: write bfq into the device's queue/scheduler below /sys/block."},
	{"io.weight", unix.EOPNOTSUPP, "Weights need a device that the BFQ scheduler or io.cost looks after."},
	{"io.max", unix.EOPNOTSUPP, "The kernel cannot slow this device down."},
}

// why looks for the cause of a refusal.
func (c *Cgroup) why(s Setting, err error) string {
	if s.Else != nil && err != unix.EOPNOTSUPP {
		s = *s.Else
	}
	for _, a := range advice {
		if a.file == s.File && (a.errno == 0 || a.errno == err) {
			return a.text
		}
	}
	controller, rest, _ := strings.Cut(s.File, ".")
	device, _, _ := strings.Cut(s.Value, " ")
	switch {
	case controller == "cpuset":
		return c.within(s.File, rest)
	case controller == "io" && err == unix.ENODEV:
		return "There is no block device " + device + ": see /proc/partitions."
	case controller == "hugetlb" && err == unix.ENOENT && !c.hasPages(rest):
		return c.pageSizes()
	case controller == "rdma" && (err == unix.ENODEV || err == unix.EINVAL):
		return "The RDMA devices are those below /sys/class/infiniband."
	case err == unix.ENOENT:
		return c.noFile(s.File, controller)
	case err == unix.EINVAL || err == unix.ERANGE:
		return takes(s.File)
	}
	return ""
}

const bytesOrMax = "It takes bytes, with K, M or G behind them if you like, or max."

// values are what files take that share the end of their name, by cgroup-v2.rst; the first
// that fits.
var values = []struct{ controller, end, text string }{
	{"cgroup", ".type", "It takes the word threaded."},
	{"cgroup", ".depth", "It takes a number, or max."},
	{"cgroup", ".descendants", "It takes a number, or max."},
	{"cpu", ".weight.nice", "It takes -20 to 19."},
	{"cpu", ".weight", "It takes 1 to 10000."},
	{"cpu", ".uclamp.min", "It takes a percentage, such as 12.50, or max."},
	{"cpu", ".uclamp.max", "It takes a percentage, such as 12.50, or max."},
	{"memory", ".oom.group", "It takes 0 or 1."},
	{"memory", ".zswap.writeback", "It takes 0 or 1."},
	{"memory", ".max", bytesOrMax},
	{"memory", ".high", bytesOrMax},
	{"memory", ".low", bytesOrMax},
	{"memory", ".min", bytesOrMax},
	{"hugetlb", ".max", bytesOrMax},
	{"io", ".bfq.weight", "It takes 1 to 1000, or MAJOR:MINOR and such a number."},
	{"io", ".weight", "It takes 1 to 10000, or MAJOR:MINOR and such a number."},
	{"io", ".max", "It takes MAJOR:MINOR and limits, such as 8:0 rbps=1048576 wiops=max."},
	{"io", ".latency", "It takes MAJOR:MINOR and microseconds, such as 8:0 target=10000."},
	{"misc", ".max", "It takes the name of a resource in misc.capacity, and a number or max."},
}

// takes says what a file takes.
func takes(file string) string {
	controller, _, _ := strings.Cut(file, ".")
	for _, v := range values {
		if v.controller == controller && strings.HasSuffix(file, v.end) {
			return v.text
		}
	}
	return "What the file takes is in the kernel's Documentation/admin-guide/cgroup-v2.rst."
}

// within tells of what a cpuset may have.
func (c *Cgroup) within(file, kind string) string {
	have, err := readFile(c.fd, file+".effective")
	if err != nil {
		return c.noFile(file, "cpuset")
	}
	return "Here are " + kind + " " + strings.TrimSpace(have) + "."
}

// sizes are those of the huge pages that the machine has.
func (c *Cgroup) sizes() (sizes []string) {
	for _, name := range c.names() {
		size, ok := strings.CutPrefix(name, "hugetlb.")
		if size, isLimit := strings.CutSuffix(size, ".max"); ok && isLimit && !strings.Contains(size, ".") {
			sizes = append(sizes, size)
		}
	}
	slices.Sort(sizes)
	return sizes
}

// hasPages tells whether a name, what follows "hugetlb.", begins with one of the sizes.
func (c *Cgroup) hasPages(name string) bool {
	size, _, _ := strings.Cut(name, ".")
	return slices.Contains(c.sizes(), size)
}

// pageSizes lists the huge pages that the machine has.
func (c *Cgroup) pageSizes() string {
	sizes := c.sizes()
	if len(sizes) == 0 {
		return "The kernel limits no huge pages here."
	}
	return "This machine has huge pages of " + strings.Join(sizes, " and ") + "."
}

func (c *Cgroup) noFile(file, controller string) string {
	all, err := words(c.fd, c.path, "cgroup.controllers")
	if err == nil && controller != "cgroup" && !slices.Contains(all, controller) {
		return "The controller " + controller + " is not enabled for this cgroup: see cgroup.subtree_control of its parent."
	}
	const other = "This kernel has no such file; a newer one may."
	files := c.settable(controller)
	if near := nearest(file, files); near != "" {
		return "Did you mean " + near + "?"
	}
	if len(files) == 0 {
		return other
	}
	return other + " What can be set of " + controller + " is " + strings.Join(files, ", ") + "."
}

// settable lists the files of a controller that a configuration can write to.
func (c *Cgroup) settable(controller string) (files []string) {
	for _, name := range c.names() {
		var st unix.Stat_t
		if strings.HasPrefix(name, controller+".") && unix.Fstatat(c.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&0o200 != 0 {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return slices.DeleteFunc(files, func(name string) bool {
		return slices.ContainsFunc(processFiles, func(f processFile) bool { return f.name == name })
	})
}

// names lists the files of the cgroup.
func (c *Cgroup) names() []string {
	fd, err := openBeneath(c.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil
	}
	dir := os.NewFile(uintptr(fd), path.Base(c.path))
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // what was read is better than nothing
	return names
}

// nearest gives the one of the names that has the most letters in common with a word at
// both ends, if it is close.
func nearest(word string, names []string) (best string) {
	least := min(3, 1+len(word)/2)
	for _, n := range names {
		if other := max(len(word), len(n)) - commonEnds(n, word); other < least {
			best, least = n, other
		}
	}
	return best
}

func commonEnds(a, b string) int {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	return head + tail
}
