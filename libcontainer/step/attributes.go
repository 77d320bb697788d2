package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Attributes are what mount_setattr(2) sets on a mount once it is in place.
type Attributes struct {
	Set, Clear   uint64 // MOUNT_ATTR_* of the mount itself
	RSet, RClear uint64 // of the mount and all below it
	Propagations []uint64
}

// Fields passes them through the codec.
func (a *Attributes) Fields(c *Codec) {
	c.Uint64(&a.Set)
	c.Uint64(&a.Clear)
	c.Uint64(&a.RSet)
	c.Uint64(&a.RClear)
	List(c, &a.Propagations, func(c *Codec, v *uint64) { c.Uint64(v) })
}

func (a *Attributes) none() bool {
	return a.Set|a.Clear|a.RSet|a.RClear == 0 && len(a.Propagations) == 0
}

// words says what they make of a mount, for explain: ", nosuid, with all below read-only".
func (a *Attributes) words() string {
	text := ""
	for _, n := range attributeNames {
		text += word("", n.on, a.Set&n.attr) + word("", n.off, a.Clear&^a.Set&n.attr) +
			word("with all below ", n.on, a.RSet&n.attr) + word("with all below ", n.off, a.RClear&^a.RSet&n.attr)
	}
	for _, p := range a.Propagations {
		text += ", " + propagationName(p)
	}
	return text
}

func word(before, name string, set uint64) string {
	if set == 0 || name == "" {
		return ""
	}
	return ", " + before + name
}

var attributeNames = [...]struct {
	attr    uint64
	on, off string
}{
	{unix.MOUNT_ATTR_RDONLY, "read-only", "writable"}, {unix.MOUNT_ATTR_NOSUID, "nosuid", "suid"}, {unix.MOUNT_ATTR_NODEV, "nodev", "dev"},
	{unix.MOUNT_ATTR_NOEXEC, "noexec", "exec"}, {unix.MOUNT_ATTR_NOATIME, "noatime", "relatime"}, {unix.MOUNT_ATTR_STRICTATIME, "strictatime", ""},
	{unix.MOUNT_ATTR_NODIRATIME, "nodiratime", "diratime"}, {unix.MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow", "symfollow"},
}

// apply sets them on the mount that a descriptor shows.
func (a *Attributes) apply(fd int) error {
	if a.RSet|a.RClear != 0 {
		if err := setAttr(fd, true, &unix.MountAttr{Attr_set: a.RSet, Attr_clr: a.RClear}); err != nil {
			return err
		}
	}
	own := unix.MountAttr{Attr_set: a.Set, Attr_clr: a.Clear}
	if len(a.Propagations) == 1 && a.Propagations[0]&unix.MS_REC == 0 {
		own.Propagation = a.Propagations[0]
		return setAttr(fd, false, &own)
	}
	if a.Set|a.Clear != 0 {
		if err := setAttr(fd, false, &own); err != nil {
			return err
		}
	}
	for _, p := range a.Propagations {
		if err := setAttr(fd, p&unix.MS_REC != 0, &unix.MountAttr{Propagation: p &^ unix.MS_REC}); err != nil {
			return err
		}
	}
	return nil
}

func setAttr(fd int, recursive bool, attr *unix.MountAttr) error {
	flags := uint(unix.AT_EMPTY_PATH)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	if err := unix.MountSetattr(fd, "", flags, attr); err != nil {
		return sys.Fail(err, "mount_setattr", "set "+sys.Hex(attr.Attr_set), "clear "+sys.Hex(attr.Attr_clr), "propagation "+sys.Hex(attr.Propagation))
	}
	return nil
}
