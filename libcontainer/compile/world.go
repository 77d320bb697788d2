package compile

import (
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// world is what init does about itself before it looks at any file.
func (c *compiler) world() {
	if c.fresh(specs.CgroupNamespace) {
		c.add(c.namespaceField(specs.CgroupNamespace), &step.CgroupNamespace{})
	}
	c.add("", &step.Session{})
	if !c.facts.NoNewKeyring {
		c.add("", &step.Keyring{Name: "_ses." + c.facts.ID})
	}
	if c.fresh(specs.NetworkNamespace) {
		c.add(c.namespaceField(specs.NetworkNamespace), &step.Loopback{})
	}
}

// propagations are the values of linux.rootfsPropagation (config-linux.md "Rootfs
// Mount Propagation"); peers know the recursive forms too.
var propagations = map[string]uint64{
	"private": unix.MS_PRIVATE, "rprivate": unix.MS_PRIVATE | unix.MS_REC,
	"slave": unix.MS_SLAVE, "rslave": unix.MS_SLAVE | unix.MS_REC,
	"shared": unix.MS_SHARED, "rshared": unix.MS_SHARED | unix.MS_REC,
	"unbindable": unix.MS_UNBINDABLE, "runbindable": unix.MS_UNBINDABLE | unix.MS_REC,
}

func (c *compiler) rootPropagation() (flags uint64, given bool) {
	if c.spec.Linux == nil || c.spec.Linux.RootfsPropagation == "" {
		return unix.MS_SLAVE | unix.MS_REC, false
	}
	flags, ok := propagations[c.spec.Linux.RootfsPropagation]
	if !ok {
		c.fail(".linux.rootfsPropagation", "unknown propagation "+strconv.Quote(c.spec.Linux.RootfsPropagation), "Use private, slave, shared or unbindable.")
	}
	return flags, true
}

// root is only for a container with mounts of its own; otherwise it is a chroot.
func (c *compiler) root() {
	if !c.has(specs.MountNamespace) {
		c.noMounts()
	}
	flags, given := c.rootPropagation()
	field := ".root.path"
	if given {
		// What comes in from the host is decided here, the rest in pivot.
		flags |= unix.MS_REC
		if flags&unix.MS_UNBINDABLE != 0 {
			flags = unix.MS_PRIVATE | unix.MS_REC
		}
	}
	c.add(field, &step.EnterRoot{Path: c.facts.Rootfs, Propagation: flags})
	if c.spec.Linux != nil && len(c.spec.Linux.MaskedPaths) > 0 {
		c.add(".linux.maskedPaths", &step.HoldNull{})
	}
}

func (c *compiler) noMounts() {
	c.fail(".linux.namespaces", "the container has no mount namespace of its own: every mount would be the host's",
		`Add {"type": "mount"} to .linux.namespaces.`)
}

// pivot ends the building: the root becomes "/".
func (c *compiler) pivot() {
	c.add(".root.path", &step.PivotRoot{Chroot: c.facts.NoPivot})
	if flags, given := c.rootPropagation(); given {
		c.add(".linux.rootfsPropagation", &step.RootPropagation{Flags: flags})
	}
	if c.spec.Root != nil && c.spec.Root.Readonly {
		c.add(".root.readonly", &step.ReadonlyRoot{})
	}
}

func (c *compiler) names() {
	if c.spec.Hostname != "" {
		c.add(".hostname", &step.Hostname{Name: c.spec.Hostname})
	}
	if c.spec.Domainname != "" {
		c.add(".domainname", &step.Domainname{Name: c.spec.Domainname})
	}
}

func (c *compiler) readonly() {
	if c.spec.Linux == nil {
		return
	}
	for i, path := range c.spec.Linux.ReadonlyPaths {
		c.add(".linux.readonlyPaths["+strconv.Itoa(i)+"]", &step.ReadonlyPath{Path: path})
	}
}

func (c *compiler) masked() {
	if c.spec.Linux == nil {
		return
	}
	for i, path := range c.spec.Linux.MaskedPaths {
		c.add(".linux.maskedPaths["+strconv.Itoa(i)+"]", &step.MaskedPath{Path: path})
	}
}
