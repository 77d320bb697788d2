package compile

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// option is what one word of a mount's options means.
type option struct {
	set, clear   uint64 // MS_* flags of mount(2)
	rset, rclear uint64 // MOUNT_ATTR_* flags, recursive
	propagation  uint64 // MS_* flag
}

// atimeMask has to be cleared whole when an access time mode is set: the modes are
// values, not bits (mount_setattr(2)).
const atimeMask = unix.MOUNT_ATTR__ATIME

// accessTimes are the modes of mount(2), of which a mount has one: an option that sets one
// clears the others. strictatime would win over them wherever it stands.
const accessTimes = unix.MS_NOATIME | unix.MS_RELATIME | unix.MS_STRICTATIME

// optionTable is the table of config.md "Linux mount options"; rnodev is in
// features.md only, and rexec clears noexec whatever the table says.
var optionTable = []struct {
	name string
	option
}{
	{"async", option{clear: unix.MS_SYNCHRONOUS}}, {"atime", option{clear: unix.MS_NOATIME}}, {"defaults", option{}},
	{"dev", option{clear: unix.MS_NODEV}}, {"diratime", option{clear: unix.MS_NODIRATIME}}, {"dirsync", option{set: unix.MS_DIRSYNC}},
	{"exec", option{clear: unix.MS_NOEXEC}}, {"iversion", option{set: unix.MS_I_VERSION}}, {"lazytime", option{set: unix.MS_LAZYTIME}},
	{"loud", option{clear: unix.MS_SILENT}}, {"mand", option{set: unix.MS_MANDLOCK}}, {"noatime", option{set: unix.MS_NOATIME, clear: accessTimes &^ unix.MS_NOATIME}},
	{"nodev", option{set: unix.MS_NODEV}}, {"nodiratime", option{set: unix.MS_NODIRATIME}}, {"noexec", option{set: unix.MS_NOEXEC}},
	{"noiversion", option{clear: unix.MS_I_VERSION}}, {"nolazytime", option{clear: unix.MS_LAZYTIME}}, {"nomand", option{clear: unix.MS_MANDLOCK}},
	{"norelatime", option{clear: unix.MS_RELATIME}}, {"nostrictatime", option{clear: unix.MS_STRICTATIME}}, {"nosuid", option{set: unix.MS_NOSUID}},
	{"nosymfollow", option{set: unix.MS_NOSYMFOLLOW}}, {"relatime", option{set: unix.MS_RELATIME, clear: accessTimes &^ unix.MS_RELATIME}}, {"ro", option{set: unix.MS_RDONLY}},
	{"rw", option{clear: unix.MS_RDONLY}}, {"silent", option{set: unix.MS_SILENT}}, {"strictatime", option{set: unix.MS_STRICTATIME, clear: accessTimes &^ unix.MS_STRICTATIME}},
	{"suid", option{clear: unix.MS_NOSUID}}, {"symfollow", option{clear: unix.MS_NOSYMFOLLOW}}, {"sync", option{set: unix.MS_SYNCHRONOUS}},

	{"private", option{propagation: unix.MS_PRIVATE}}, {"rprivate", option{propagation: unix.MS_PRIVATE | unix.MS_REC}},
	{"shared", option{propagation: unix.MS_SHARED}}, {"rshared", option{propagation: unix.MS_SHARED | unix.MS_REC}},
	{"slave", option{propagation: unix.MS_SLAVE}}, {"rslave", option{propagation: unix.MS_SLAVE | unix.MS_REC}},
	{"unbindable", option{propagation: unix.MS_UNBINDABLE}}, {"runbindable", option{propagation: unix.MS_UNBINDABLE | unix.MS_REC}},

	{"ratime", option{rclear: atimeMask, rset: unix.MOUNT_ATTR_RELATIME}}, {"rdev", option{rclear: unix.MOUNT_ATTR_NODEV}},
	{"rdiratime", option{rclear: unix.MOUNT_ATTR_NODIRATIME}}, {"rexec", option{rclear: unix.MOUNT_ATTR_NOEXEC}},
	{"rnoatime", option{rclear: atimeMask, rset: unix.MOUNT_ATTR_NOATIME}}, {"rnodev", option{rset: unix.MOUNT_ATTR_NODEV}},
	{"rnodiratime", option{rset: unix.MOUNT_ATTR_NODIRATIME}}, {"rnoexec", option{rset: unix.MOUNT_ATTR_NOEXEC}},
	{"rnorelatime", option{rclear: atimeMask}}, {"rnostrictatime", option{rclear: atimeMask}}, {"rnosuid", option{rset: unix.MOUNT_ATTR_NOSUID}},
	{"rnosymfollow", option{rset: unix.MOUNT_ATTR_NOSYMFOLLOW}}, {"rrelatime", option{rclear: atimeMask}}, {"rro", option{rset: unix.MOUNT_ATTR_RDONLY}},
	{"rrw", option{rclear: unix.MOUNT_ATTR_RDONLY}}, {"rstrictatime", option{rclear: atimeMask, rset: unix.MOUNT_ATTR_STRICTATIME}},
	{"rsuid", option{rclear: unix.MOUNT_ATTR_NOSUID}}, {"rsymfollow", option{rclear: unix.MOUNT_ATTR_NOSYMFOLLOW}},
}

// MountOptions lists every option that is known by itself, for features.
func MountOptions() []string {
	names := []string{"bind", "idmap", "rbind", "ridmap", "remount", "tmpcopyup"}
	for _, o := range optionTable {
		names = append(names, o.name)
	}
	slices.Sort(names)
	return names
}

// options is what the words of one mount come to; the last of two contrary words
// holds.
type options struct {
	bind, recursive, remount bool
	copyUp                   bool
	idmap, idmapBelow        bool // idmapBelow: ridmap
	flags, cleared           uint64
	rset, rclear             uint64
	propagations             []uint64
	data                     []string // for the filesystem, in order
}

// mountPrograms are words of mount(8) for the programs that read /etc/fstab: they
// change nothing about a mount, or imply flags.
var mountPrograms = values{
	{"auto", 0}, {"noauto", 0}, {"nofail", 0}, {"_netdev", 0}, {"nouser", 0},
	{"user", unix.MS_NOEXEC | unix.MS_NOSUID | unix.MS_NODEV}, {"users", unix.MS_NOEXEC | unix.MS_NOSUID | unix.MS_NODEV},
	{"owner", unix.MS_NOSUID | unix.MS_NODEV}, {"group", unix.MS_NOSUID | unix.MS_NODEV},
}

func parseOptions(words []string) (o options) {
	for _, word := range words {
		switch word {
		case "bind":
			o.bind = true
		case "rbind":
			o.bind, o.recursive = true, true
		case "remount":
			o.remount = true
		case "tmpcopyup":
			o.copyUp = true
		case "idmap", "ridmap":
			o.idmap, o.idmapBelow = true, word == "ridmap"
		default:
			o.word(word)
		}
	}
	return o
}

func (o *options) word(word string) {
	for i := range optionTable {
		if optionTable[i].name != word {
			continue
		}
		t := optionTable[i].option
		o.flags = o.flags&^t.clear | t.set
		o.cleared = o.cleared&^t.set | t.clear
		o.rset = o.rset&^t.rclear | t.rset
		o.rclear |= t.rclear
		if t.propagation != 0 {
			o.propagations = append(o.propagations, t.propagation)
		}
		return
	}
	if flags, ok := mountPrograms.of(word); ok {
		o.flags |= flags
		return
	}
	for _, prefix := range []string{"x-", "X-", "comment="} {
		if strings.HasPrefix(word, prefix) {
			return
		}
	}
	o.data = append(o.data, word)
}

// mountAttrs translates flags of mount(2) into those of mount_setattr(2); the others
// are the filesystem's own.
var mountAttrs = []struct{ flag, attr uint64 }{
	{unix.MS_RDONLY, unix.MOUNT_ATTR_RDONLY}, {unix.MS_NOSUID, unix.MOUNT_ATTR_NOSUID}, {unix.MS_NODEV, unix.MOUNT_ATTR_NODEV},
	{unix.MS_NOEXEC, unix.MOUNT_ATTR_NOEXEC}, {unix.MS_NODIRATIME, unix.MOUNT_ATTR_NODIRATIME}, {unix.MS_NOSYMFOLLOW, unix.MOUNT_ATTR_NOSYMFOLLOW},
}

// attributes is for a mount that is there already: a bind, a remount.
func (o *options) attributes() step.Attributes {
	a := o.recursiveAttributes()
	for _, t := range mountAttrs {
		if o.flags&t.flag != 0 {
			a.Set |= t.attr
		}
		if o.cleared&t.flag != 0 {
			a.Clear |= t.attr
		}
	}
	switch {
	case o.flags&unix.MS_NOATIME != 0:
		a.Clear, a.Set = a.Clear|atimeMask, a.Set|unix.MOUNT_ATTR_NOATIME
	case o.flags&unix.MS_STRICTATIME != 0:
		a.Clear, a.Set = a.Clear|atimeMask, a.Set|unix.MOUNT_ATTR_STRICTATIME
	case (o.flags|o.cleared)&(unix.MS_RELATIME|unix.MS_NOATIME|unix.MS_STRICTATIME) != 0:
		a.Clear |= atimeMask // relatime is the value 0
	}
	return a
}

// recursiveAttributes is what mount(2) cannot do when it makes a mount.
func (o *options) recursiveAttributes() step.Attributes {
	return step.Attributes{RSet: o.rset, RClear: o.rclear, Propagations: o.propagations}
}

// single turns attributes for a mount and all below it into those of one mount, for a
// mount that has none below: one call then sets them all. Recursive ones come first, as
// step.Attributes applies them.
func single(a step.Attributes) step.Attributes {
	s := step.Attributes{Set: a.RSet&^a.Clear | a.Set, Clear: a.RClear | a.Clear}
	for _, p := range a.Propagations {
		s.Propagations = append(s.Propagations, p&^unix.MS_REC)
	}
	return s
}
