package compile

import (
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// mounts compiles .mounts in its order (config.md "Mounts").
func (c *compiler) mounts() {
	for i := range c.spec.Mounts {
		c.mount(&c.spec.Mounts[i], ".mounts["+strconv.Itoa(i)+"]")
	}
}

// lateMounts makes read-only what had to be writable until everything was on it.
func (c *compiler) lateMounts() { c.plan = append(c.plan, c.late...) }

func (c *compiler) mount(m *specs.Mount, field string) {
	target := path.Clean("/" + m.Destination)
	o, err := parseOptions(m.Options)
	if err != nil {
		c.fail(field+".options", err.Error(), "")
		return
	}
	if !c.allowedTarget(m, target, field) {
		return
	}
	switch {
	case o.remount:
		c.add(field, &step.Remount{Target: target, After: o.attributes()})
	case o.bind:
		c.bind(m, target, field, o)
	case m.Type == "cgroup" || m.Type == "cgroup2":
		c.cgroupMount(target, field, o)
	default:
		c.filesystem(m, target, field, o)
	}
}

// procFiles are the places below /proc that may be covered: files that lxcfs
// presents. Anything else there could hide from us what we check (CVE-2019-16884).
var procFiles = []string{"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime", "/proc/loadavg",
	"/proc/slabinfo", "/proc/net/dev", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled", "/proc/sys/net/ipv4/ip_local_port_range"}

func (c *compiler) allowedTarget(m *specs.Mount, target, field string) bool {
	switch {
	case target == "/":
		c.fail(field+".destination", "a mount cannot replace the root", "Set .root.path instead.")
		return false
	case target == "/proc":
		if m.Type != "proc" && !slices.Contains(m.Options, "rbind") && !slices.Contains(m.Options, "bind") {
			c.fail(field+".destination", "only proc can be mounted on /proc", "")
			return false
		}
	case strings.HasPrefix(target, "/proc/") && !slices.Contains(procFiles, target):
		c.fail(field+".destination", target+" is inside /proc, where nothing may be mounted but a few files", "Allowed are "+strings.Join(procFiles, ", ")+".")
		return false
	}
	return true
}

func (c *compiler) bind(m *specs.Mount, target, field string, o *options) {
	if len(o.data) > 0 {
		text := "unknown option " + strconv.Quote(o.data[0]) + " for a bind mount"
		if near := nearOption(o.data[0]); near != "" {
			text += "; did you mean " + strconv.Quote(near) + "?"
		}
		c.fail(field+".options", text, "Options of a filesystem have no effect on a bind mount.")
		return
	}
	source := m.Source
	if source == "" {
		c.fail(field+".source", "a bind mount needs a source", "")
		return
	}
	if !filepath.IsAbs(source) {
		source = filepath.Join(c.facts.BundleDir, source)
	}
	c.add(field, &step.Bind{Source: source, Target: target, Recursive: o.recursive, After: o.attributes()})
}

func (c *compiler) cgroupMount(target, field string, o *options) {
	if !c.has(specs.CgroupNamespace) {
		c.add(field, &step.CgroupMount{Target: target, After: o.attributes()})
		return
	}
	c.add(field, &step.Mount{Type: "cgroup2", Source: "cgroup", Target: target, Flags: o.flags, After: o.recursiveAttributes()})
}

func (c *compiler) filesystem(m *specs.Mount, target, field string, o *options) {
	s := &step.Mount{Type: m.Type, Source: m.Source, Target: target, Flags: o.flags, Options: o.data, After: o.recursiveAttributes()}
	s.Plain = m.Type == "proc" || m.Type == "sysfs"
	if m.Type == "tmpfs" {
		s.KeepMode = !slices.ContainsFunc(o.data, func(d string) bool { return strings.HasPrefix(d, "mode=") })
		if o.flags&unix.MS_RDONLY != 0 {
			s.Flags &^= unix.MS_RDONLY
			c.late = append(c.late, step.Entry{Field: field, Step: &step.Remount{Target: target, After: step.Attributes{Set: unix.MOUNT_ATTR_RDONLY}}})
		}
	}
	c.add(field, s)
}

// mountOn gives the mount that the container will have on a path, the last one.
func (c *compiler) mountOn(target string) *specs.Mount {
	for i := len(c.spec.Mounts) - 1; i >= 0; i-- {
		if path.Clean("/"+c.spec.Mounts[i].Destination) == target {
			return &c.spec.Mounts[i]
		}
	}
	return nil
}
