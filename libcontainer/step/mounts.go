package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/inroot"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Mount mounts a filesystem of the kernel (config.md "Mounts").
type Mount struct {
	Type, Source, Target string
	Flags                uint64   // MS_* flags of mount(2)
	Options              []string // for the filesystem itself: its data
	After                Attributes
	Plain                bool // the target is not reached through any link (procfs, sysfs)
	KeepMode             bool // a tmpfs takes the mode of the folder that it hides
	CopyUp               bool // a tmpfs takes the content of the folder that it hides
	Keep                 bool // for a later step that changes it
	OrHost               bool // where it is not permitted, the host's own is shown instead (sysfs)
}

// Fields passes it through the codec.
func (s *Mount) Fields(c *Codec) {
	c.String(&s.Type)
	c.String(&s.Source)
	c.String(&s.Target)
	c.Uint64(&s.Flags)
	c.Strings(&s.Options)
	s.After.Fields(c)
	c.Bool(&s.Plain)
	c.Bool(&s.KeepMode)
	c.Bool(&s.CopyUp)
	c.Bool(&s.Keep)
	c.Bool(&s.OrHost)
}

func (s *Mount) String() string {
	text := "mount " + s.Type + " on " + s.Target
	if words := append(flagNames(s.Flags), s.Options...); len(words) > 0 {
		text += " with " + commas(words)
	}
	if s.CopyUp {
		text += ", and copy into it what it hides"
	}
	if s.OrHost {
		text += ", or show the host's where that is not permitted"
	}
	return text + s.After.words()
}

var mountFlagNames = [...]struct {
	flag uint64
	name string
}{
	{unix.MS_RDONLY, "ro"}, {unix.MS_NOSUID, "nosuid"}, {unix.MS_NODEV, "nodev"}, {unix.MS_NOEXEC, "noexec"}, {unix.MS_NOATIME, "noatime"},
	{unix.MS_NODIRATIME, "nodiratime"}, {unix.MS_RELATIME, "relatime"}, {unix.MS_STRICTATIME, "strictatime"}, {unix.MS_NOSYMFOLLOW, "nosymfollow"},
	{unix.MS_SYNCHRONOUS, "sync"}, {unix.MS_DIRSYNC, "dirsync"}, {unix.MS_MANDLOCK, "mand"}, {unix.MS_LAZYTIME, "lazytime"},
	{unix.MS_I_VERSION, "iversion"}, {unix.MS_SILENT, "silent"},
}

func flagNames(flags uint64) (names []string) {
	for _, n := range mountFlagNames {
		if flags&n.flag != 0 {
			names = append(names, n.name)
		}
	}
	return names
}

func commas(list []string) string {
	text := ""
	for i, o := range list {
		if i > 0 {
			text += ","
		}
		text += o
	}
	return text
}

// Apply mounts by mount(2) on a descriptor of the target. Only when that fails it
// asks fsopen(2) for the same, whose log holds the kernel's own sentence.
func (s *Mount) Apply(env *Env) error {
	hidden, options, err := s.target(env)
	if err != nil {
		return err
	}
	defer unix.Close(hidden)
	err = unix.Mount(s.Source, onFD(hidden), s.Type, uintptr(s.Flags), commas(options))
	switch {
	case err == unix.EPERM && s.OrHost:
		return s.showHosts(env, hidden)
	case err == unix.EBUSY && s.Type == "cgroup2":
		err = s.stack(hidden, options)
	}
	if err != nil {
		return s.explain(err, options)
	}
	if s.After.none() && !s.CopyUp && !s.Keep {
		return nil
	}
	mounted, err := inroot.Over(hidden)
	if err != nil {
		return s.closed(err)
	}
	if s.CopyUp {
		if err := copyUp(hidden, mounted, s.Target); err != nil {
			return err
		}
	}
	if err := s.After.apply(mounted); err != nil {
		return err
	}
	return env.keep(mounted, s.Keep)
}

// closed: a path would lead there, but anywhere else too by now.
func (s *Mount) closed(err error) error {
	if sys.Errno(err) != unix.EACCES {
		return err
	}
	return &Problem{Text: s.Target + " is mounted, but the folder below is closed to the container's root, so that no option can be set now: " + err.Error(),
		Hint: "Open it with chmod o+x in the root filesystem, map its owner, or leave out options such as private and rro."}
}

// target opens what the mount will hide, and completes the options from it. A tmpfs on
// a folder that was just made keeps tmpfs' own mode, 1777.
func (s *Mount) target(env *Env) (fd int, options []string, err error) {
	if s.Plain {
		fd, err = plainPlace(env, s.Target, s.Type)
		return fd, s.Options, err
	}
	fd, made, err := place(env, s.Target, aFolder)
	if err != nil || made || !s.KeepMode {
		return fd, s.Options, err
	}
	if mode, ok := modeOf(fd); ok {
		return fd, append(s.Options[:len(s.Options):len(s.Options)], "mode="+sys.Octal(mode)[1:]), nil
	}
	return fd, s.Options, nil
}

func modeOf(fd int) (uint32, bool) {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return 0, false
	}
	return st.Mode & 0o7777, true
}

// stack mounts a filesystem over itself, which mount(2) refuses with EBUSY: cgroup2 has
// one superblock, and a /sys that is bound from the host brings its mount along.
func (s *Mount) stack(hidden int, options []string) error {
	fs, err := unix.Fsopen(s.Type, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fs)
	if call := configure(fs, s.Source, options); call != "" {
		return unix.EINVAL
	}
	tree, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, int(attributesOf(s.Flags)))
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	return unix.MoveMount(tree, "", hidden, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

// attributesOf translates flags of mount(2) into those of fsmount(2).
func attributesOf(flags uint64) (attrs uint64) {
	for _, t := range [...]struct{ flag, attr uint64 }{
		{unix.MS_RDONLY, unix.MOUNT_ATTR_RDONLY}, {unix.MS_NOSUID, unix.MOUNT_ATTR_NOSUID}, {unix.MS_NODEV, unix.MOUNT_ATTR_NODEV}, {unix.MS_NOEXEC, unix.MOUNT_ATTR_NOEXEC},
		{unix.MS_NOATIME, unix.MOUNT_ATTR_NOATIME}, {unix.MS_STRICTATIME, unix.MOUNT_ATTR_STRICTATIME}, {unix.MS_NODIRATIME, unix.MOUNT_ATTR_NODIRATIME},
		{unix.MS_NOSYMFOLLOW, unix.MOUNT_ATTR_NOSYMFOLLOW},
	} {
		if flags&t.flag != 0 {
			attrs |= t.attr
		}
	}
	return attrs
}

// showHosts binds /sys of the host: a user namespace may mount a sysfs only for a
// network namespace that it owns (sysfs shows that namespace's interfaces), and
// engines ask for one nevertheless. All that is mounted below comes along, because a
// user namespace may not look behind it, and is read-only if the mount is to be.
func (s *Mount) showHosts(env *Env, hidden int) error {
	const plain = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	b := Bind{Source: "/sys", Target: s.Target, Recursive: true, After: s.After, Keep: s.Keep}
	b.After.RSet |= attributesOf(s.Flags) & plain
	tree, err := b.clone(env)
	if err != nil {
		return err
	}
	if err := b.attach(env, tree, hidden); err != nil {
		return err
	}
	return env.keep(tree, s.Keep)
}
