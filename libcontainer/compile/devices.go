package compile

import (
	"path"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// defaultDevices are those of config-linux.md "Default Devices"; ptmx and console
// come with devpts and the terminal. The numbers are written as makedev(3) packs small ones.
var defaultDevices = []step.Device{
	{Path: "/dev/null", Mode: unix.S_IFCHR | 0o666, Rdev: 1<<8 | 3},
	{Path: "/dev/zero", Mode: unix.S_IFCHR | 0o666, Rdev: 1<<8 | 5},
	{Path: "/dev/full", Mode: unix.S_IFCHR | 0o666, Rdev: 1<<8 | 7},
	{Path: "/dev/random", Mode: unix.S_IFCHR | 0o666, Rdev: 1<<8 | 8},
	{Path: "/dev/urandom", Mode: unix.S_IFCHR | 0o666, Rdev: 1<<8 | 9},
	{Path: "/dev/tty", Mode: unix.S_IFCHR | 0o666, Rdev: 5 << 8},
}

// deviceLinks are those of runtime-linux.md "Dev symbolic links", and what every
// runtime has beside them.
var deviceLinks = []step.Link{
	{Path: "/dev/fd", Target: "/proc/self/fd"}, {Path: "/dev/stdin", Target: "/proc/self/fd/0"},
	{Path: "/dev/stdout", Target: "/proc/self/fd/1"}, {Path: "/dev/stderr", Target: "/proc/self/fd/2"},
	{Path: "/dev/core", Target: "/proc/kcore"}, {Path: "/dev/ptmx", Target: "pts/ptmx", Replace: true},
}

// devices compiles nodes and links. A /dev that the configuration binds from the host
// is left alone, whatever is in it.
func (c *compiler) devices() {
	var listed []specs.LinuxDevice
	if c.spec.Linux != nil {
		listed = c.spec.Linux.Devices
	}
	bound := c.devIsBound()
	if !bound {
		c.defaultDevices(listed)
	}
	for i := range listed {
		if bound && strings.HasPrefix(devicePath(&listed[i]), "/dev/") {
			continue
		}
		c.device(&listed[i], ".linux.devices["+strconv.Itoa(i)+"]")
	}
	if !bound {
		c.add("", &step.DeviceLinks{Links: deviceLinks})
	}
}

// defaultDevices makes those that the configuration does not replace.
func (c *compiler) defaultDevices(listed []specs.LinuxDevice) {
	for i := range defaultDevices {
		d := defaultDevices[i]
		if slices.ContainsFunc(listed, func(l specs.LinuxDevice) bool { return devicePath(&l) == d.Path }) {
			continue
		}
		d.Bind = c.bindsDevices()
		c.add("", &d)
	}
}

// bindsDevices: a user namespace may not make device nodes (mknod(2)).
func (c *compiler) bindsDevices() bool { return c.inUserNamespace() && c.fresh(specs.MountNamespace) }

func devicePath(d *specs.LinuxDevice) string { return path.Clean("/" + d.Path) }

func (c *compiler) devIsBound() bool {
	m := c.mountOn("/dev")
	return m != nil && (slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind"))
}

func (c *compiler) device(d *specs.LinuxDevice, field string) {
	kinds := map[string]uint32{"c": unix.S_IFCHR, "u": unix.S_IFCHR, "b": unix.S_IFBLK, "p": unix.S_IFIFO}
	kind, ok := kinds[d.Type]
	if !ok {
		c.fail(field+".type", "unknown device type "+strconv.Quote(d.Type), "Use c, u, b or p.")
		return
	}
	mode := uint32(0o666)
	if d.FileMode != nil {
		mode = uint32(*d.FileMode) & 0o7777 // engines send the type bits too
	}
	s := &step.Device{Path: devicePath(d), Mode: kind | mode, Bind: c.bindsDevices()}
	if kind != unix.S_IFIFO {
		s.Rdev = unix.Mkdev(uint32(d.Major), uint32(d.Minor))
	}
	if d.UID != nil {
		s.UID = *d.UID
	}
	if d.GID != nil {
		s.GID = *d.GID
	}
	c.add(field, s)
}

func (c *compiler) console() {
	p := c.spec.Process
	if p == nil || !p.Terminal {
		return
	}
	s := &step.Console{UID: p.User.UID}
	if p.ConsoleSize != nil {
		s.Height, s.Width = uint32(p.ConsoleSize.Height), uint32(p.ConsoleSize.Width)
	}
	c.add(".process.terminal", s)
}
