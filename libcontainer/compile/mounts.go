package compile

import (
	"path"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// usualSteps is room for what is not a mount.
const usualSteps = 64

// mounts compiles .mounts in its order (config.md "Mounts").
func (c *compiler) mounts() {
	c.plan = slices.Grow(c.plan, len(c.spec.Mounts)+usualSteps)
	c.findRemounts()
	for i := range c.spec.Mounts {
		c.mount(i, ".mounts["+strconv.Itoa(i)+"]")
	}
}

// lateMounts makes read-only what had to be writable until everything was on it.
func (c *compiler) lateMounts() { c.plan = append(c.plan, c.late...) }

func (c *compiler) mount(i int, field string) {
	m := &c.spec.Mounts[i]
	target := targetOf(m)
	words := parseOptions(m.Options)
	o := &words
	if !c.allowedTarget(m, o, target, field) {
		return
	}
	c.inheritPropagation(o)
	if !c.mayMapIDs(i, field, o) {
		return
	}
	switch {
	case o.remount && o.bind:
		c.add(field, &step.Remount{Target: target, After: o.attributes(), Kept: c.kept[c.changes(i)]})
	case o.remount:
		c.remount(i, target, field, o)
	case o.bind:
		c.bind(i, target, field, o)
	case m.Type == "cgroup" || m.Type == "cgroup2":
		c.cgroupMount(i, target, field, o)
	default:
		c.filesystem(i, target, field, o)
	}
}

// targetOf is the clean, absolute path of a mount's destination.
func targetOf(m *specs.Mount) string {
	if path.IsAbs(m.Destination) {
		return path.Clean(m.Destination)
	}
	return path.Clean("/" + m.Destination)
}

// procFiles are the places below /proc that may be covered: files that lxcfs
// presents. Anything else there could hide from us what we check (CVE-2019-16884).
var procFiles = []string{"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime", "/proc/loadavg",
	"/proc/slabinfo", "/proc/net/dev", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled"}

func (c *compiler) allowedTarget(m *specs.Mount, o *options, target, field string) bool {
	switch {
	case target == "/":
		c.fail(field+".destination", "a mount cannot replace the root", "Set .root.path instead, or .root.readonly.")
		return false
	case target == "/proc":
		if m.Type != "proc" && !o.bind && !o.remount {
			c.fail(field+".destination", "only proc can be mounted on /proc", "Give another destination. Programs, and mdrun itself, rely on what they find there.")
			return false
		}
	case strings.HasPrefix(target, "/proc/") && !slices.Contains(procFiles, target):
		c.fail(field+".destination", target+" is inside /proc, where nothing may be mounted but a few files", "Allowed are "+strings.Join(procFiles, ", ")+".")
		return false
	}
	return true
}

// longestData is what mount(2) reads of the data; it would cut off the rest in silence.
const longestData = 4095

func (c *compiler) fits(o *options, field string) bool {
	n := len(strings.Join(o.data, ","))
	if n > longestData {
		c.fail(field+".options", "the filesystem's options have "+strconv.Itoa(n)+" bytes, the kernel takes 4095", "Shorter paths or fewer layers are needed.")
	}
	return n <= longestData
}

func (c *compiler) filesystem(i int, target, field string, o *options) {
	m := &c.spec.Mounts[i]
	if m.Type == "" {
		c.fail(field+".type", "the type of the filesystem is missing", `For a bind mount add the option "bind" or "rbind".`)
		return
	}
	s := &step.Mount{Type: m.Type, Source: m.Source, Target: target, Flags: o.flags, Options: o.data, After: single(o.recursiveAttributes()), Keep: c.keeps(i)}
	if s.Source == "" {
		s.Source = m.Type // an empty field would make mountinfo unreadable
	}
	switch m.Type {
	case "proc":
		s.Plain = true
	case "sysfs":
		if s.Plain, s.OrHost = true, c.inUserNamespace(); s.OrHost {
			s.After = o.recursiveAttributes() // what is shown instead has mounts below
		}
	case "tmpfs":
		s.KeepMode = !slices.ContainsFunc(o.data, func(d string) bool { return strings.HasPrefix(d, "mode=") })
		s.CopyUp = o.copyUp
		c.lateReadonly(i, target, field, s)
	}
	if o.copyUp && !s.CopyUp {
		c.fail(field+".options", "the option tmpcopyup is for tmpfs, not for "+strconv.Quote(m.Type), "Leave it out, or mount a tmpfs.")
		return
	}
	if c.fits(o, field) {
		c.add(field, s)
	}
}

// mountOn gives the mount that the container will have on a path, the last one.
func (c *compiler) mountOn(target string) *specs.Mount {
	for i := len(c.spec.Mounts) - 1; i >= 0; i-- {
		if targetOf(&c.spec.Mounts[i]) == target {
			return &c.spec.Mounts[i]
		}
	}
	return nil
}
