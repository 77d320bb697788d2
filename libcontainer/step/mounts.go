package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/inroot"
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

// apply sets them on the mount that a descriptor shows.
func (a *Attributes) apply(fd int) error {
	if a.RSet|a.RClear != 0 {
		if err := setAttr(fd, true, &unix.MountAttr{Attr_set: a.RSet, Attr_clr: a.RClear}); err != nil {
			return err
		}
	}
	if a.Set|a.Clear != 0 {
		if err := setAttr(fd, false, &unix.MountAttr{Attr_set: a.Set, Attr_clr: a.Clear}); err != nil {
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

// Mount mounts a filesystem of the kernel (config.md "Mounts").
type Mount struct {
	Type, Source, Target string
	Flags                uint64   // MS_* flags of mount(2)
	Options              []string // for the filesystem itself: its data
	After                Attributes
	Plain                bool // the target is not reached through any link (procfs, sysfs)
	KeepMode             bool // a tmpfs takes the mode of the folder that it hides
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
}

func (s *Mount) String() string {
	text := "mount " + s.Type + " on " + s.Target
	if len(s.Options) > 0 {
		text += " with " + commas(s.Options)
	}
	return text
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
	fd, err := s.target(env)
	if err != nil {
		return err
	}
	options := s.Options
	if s.KeepMode {
		if mode, ok := modeOf(fd); ok {
			options = append(options[:len(options):len(options)], "mode="+sys.Octal(mode)[1:])
		}
	}
	data := commas(options)
	err = unix.Mount(s.Source, onFD(fd), s.Type, uintptr(s.Flags), data)
	unix.Close(fd)
	if err != nil {
		return s.explain(err, options)
	}
	if s.After.none() {
		return nil
	}
	fd, err = reopen(env, s.Target)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return s.After.apply(fd)
}

func (s *Mount) target(env *Env) (int, error) {
	if !s.Plain {
		return inroot.Target(env.Root, s.Target, false)
	}
	fd, err := inroot.OpenPlain(env.Root, s.Target, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil && sys.Errno(err) == unix.ENOENT {
		return inroot.MkdirAll(env.Root, s.Target)
	}
	if n := sys.Errno(err); err != nil && (n == unix.ELOOP || n == unix.ENOTDIR) {
		return -1, &Problem{Text: s.Target + " in the root filesystem is not a plain folder, but " + s.Type + " is to be mounted on it",
			Hint: "A link there could show a false " + s.Type + ": make it an empty folder in the image."}
	}
	return fd, err
}

// onFD is a path to what a descriptor shows; the working directory is procfs.
func onFD(fd int) string { return "self/fd/" + sys.Int(fd) }

func modeOf(fd int) (uint32, bool) {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return 0, false
	}
	return st.Mode & 0o7777, true
}

// explain finds the kernel's sentence by doing the same through fsopen(2); what that
// makes is never attached to anything.
func (s *Mount) explain(err error, options []string) error {
	failed := &sys.Error{Call: "mount(" + sys.Quote(s.Source) + ", " + sys.Quote(s.Target) + ", " + sys.Quote(s.Type) + ", " +
		sys.Hex(s.Flags) + ", " + sys.Quote(commas(options)) + ")", Errno: sys.Errno(err)}
	if failed.Errno == unix.ENODEV {
		return &Problem{Text: `the kernel has no filesystem "` + s.Type + `" (` + failed.Error() + ")", Hint: typeHint(s.Type)}
	}
	fs, err := unix.Fsopen(s.Type, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return failed
	}
	defer unix.Close(fs)
	if call := configure(fs, s.Source, options); call != "" {
		failed.Call = call
	}
	failed.Kernel = lastMessage(fs)
	return failed
}

func typeHint(t string) string {
	if t == "bind" || t == "" || t == "none" {
		return `Type "bind" alone is no bind mount: add the option "bind" or "rbind".`
	}
	return "See /proc/filesystems; a module may have to be loaded."
}

// configure gives the call that failed.
func configure(fs int, source string, options []string) string {
	if source != "" {
		if unix.FsconfigSetString(fs, "source", source) != nil {
			return "fsconfig(source=" + source + ")"
		}
	}
	for _, o := range options {
		key, value, assigned := cut(o, '=')
		var err error
		if assigned {
			err = unix.FsconfigSetString(fs, key, value)
		} else {
			err = unix.FsconfigSetFlag(fs, key)
		}
		if err != nil {
			return "fsconfig(" + o + ")"
		}
	}
	if unix.FsconfigCreate(fs) != nil {
		return "fsconfig(FSCONFIG_CMD_CREATE)"
	}
	return ""
}

func cut(s string, at byte) (before, after string, found bool) {
	for i := range len(s) {
		if s[i] == at {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// lastMessage reads the log of fsopen(2): one message per read, "e " before an
// error.
func lastMessage(fs int) string {
	text := ""
	buf := make([]byte, 1024)
	for {
		n, err := unix.Read(fs, buf)
		if err != nil || n <= 2 {
			return text
		}
		if buf[0] == 'e' {
			end := n
			for end > 2 && buf[end-1] == '\n' {
				end--
			}
			text = string(buf[2:end])
		}
	}
}

// Bind shows a file or folder of the host in the container (MS_BIND).
type Bind struct {
	Source, Target string // Source is a path of the host, absolute
	Recursive      bool   // with the mounts below it
	After          Attributes
}

// Fields passes it through the codec.
func (s *Bind) Fields(c *Codec) {
	c.String(&s.Source)
	c.String(&s.Target)
	c.Bool(&s.Recursive)
	s.After.Fields(c)
}

func (s *Bind) String() string {
	text := "bind " + s.Source + " to " + s.Target
	if s.Recursive {
		text += " with all mounts below"
	}
	if (s.After.Set|s.After.RSet)&unix.MOUNT_ATTR_RDONLY != 0 {
		text += ", read-only"
	}
	return text
}

// Apply clones the source, sets the attributes while nobody can see the mount yet,
// and attaches it.
func (s *Bind) Apply(env *Env) error {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	if s.Recursive {
		flags |= unix.AT_RECURSIVE
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, s.Source, flags)
	if err == unix.ENOENT {
		return &Problem{Text: "source " + s.Source + " does not exist on the host: no such file or directory"}
	}
	if err != nil {
		return sys.Fail(err, "open_tree", sys.Quote(s.Source), "OPEN_TREE_CLONE")
	}
	defer unix.Close(tree)
	var st unix.Stat_t
	if err := unix.Fstat(tree, &st); err != nil {
		return sys.Fail(err, "fstat", sys.Quote(s.Source))
	}
	folder := st.Mode&unix.S_IFMT == unix.S_IFDIR
	target, err := inroot.Target(env.Root, s.Target, !folder)
	if err != nil {
		return s.mismatch(err, folder)
	}
	defer unix.Close(target)
	if err := s.After.apply(tree); err != nil {
		return err
	}
	if err := unix.MoveMount(tree, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return s.mismatch(sys.Fail(err, "move_mount", sys.Quote(s.Source), sys.Quote(s.Target)), folder)
	}
	return nil
}

func (s *Bind) mismatch(err error, folder bool) error {
	if sys.Errno(err) != unix.ENOTDIR {
		return err
	}
	here, there := "a file", "a folder"
	if folder {
		here, there = there, here
	}
	return &Problem{Text: "source " + s.Source + " is " + here + ", destination " + s.Target + " is " + there + " in the root filesystem: not a directory"}
}

// CgroupMount shows the container its cgroup without a cgroup namespace: a clone of
// the host's own mount. A fresh mount would take a lock for 6 ms on an idle machine
// and could change the flags of the host's (cgroup2 has one superblock).
type CgroupMount struct {
	Target string
	Cgroup bool // only the container's own cgroup, not the whole hierarchy
	After  Attributes
}

// Fields passes it through the codec.
func (s *CgroupMount) Fields(c *Codec) {
	c.String(&s.Target)
	c.Bool(&s.Cgroup)
	s.After.Fields(c)
}

func (s *CgroupMount) String() string { return "show the host's cgroup hierarchy on " + s.Target }

// Apply binds it.
func (s *CgroupMount) Apply(env *Env) error {
	b := Bind{Source: "/sys/fs/cgroup", Target: s.Target, After: s.After}
	return b.Apply(env)
}

// Remount changes a mount that an earlier entry made (option remount), or makes one
// read-only once everything is in place on it.
type Remount struct {
	Target string
	After  Attributes
}

// Fields passes it through the codec.
func (s *Remount) Fields(c *Codec) { c.String(&s.Target); s.After.Fields(c) }

func (s *Remount) String() string {
	if s.After.Set&unix.MOUNT_ATTR_RDONLY != 0 {
		return "make the mount on " + s.Target + " read-only"
	}
	return "change the mount on " + s.Target
}

// Apply changes it.
func (s *Remount) Apply(env *Env) error {
	fd, err := reopen(env, s.Target)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return s.After.apply(fd)
}
