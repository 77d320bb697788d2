package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/inroot"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// keep holds a mount for a later step, or lets go of it.
func (env *Env) keep(mount int, keep bool) error {
	if !keep {
		return unix.Close(mount)
	}
	env.kept.mounts = append(env.kept.mounts, mount)
	return nil
}

// mounted gives the mount that a step changes. The path may lead to another one by now,
// when somebody else has a folder on it (a volume), and is used only for what no entry of
// the configuration has mounted there by that name.
func (env *Env) mounted(kept int, path string) (int, error) {
	if kept > 0 {
		return env.kept.mounts[kept-1], nil
	}
	return inroot.Open(env.Root, path, unix.O_PATH)
}

// letGo: the mounts are as they will be.
func (env *Env) letGo() {
	for _, fd := range env.kept.mounts {
		unix.Close(fd)
	}
	env.kept.mounts = nil
}

// Reconfigure changes a filesystem that an earlier entry mounted (MS_REMOUNT without
// MS_BIND): its own options, and all flags of the mount.
type Reconfigure struct {
	Target  string
	Flags   uint64 // MS_* flags of mount(2): those that are not given are cleared
	Options []string
	After   Attributes
	Kept    int // number of the mount among those kept; 0: it is found by its path
}

// Fields passes it through the codec.
func (s *Reconfigure) Fields(c *Codec) {
	c.String(&s.Target)
	c.Uint64(&s.Flags)
	c.Strings(&s.Options)
	s.After.Fields(c)
	c.Int(&s.Kept)
}

func (s *Reconfigure) String() string {
	text := "remount " + s.Target
	if words := append(flagNames(s.Flags), s.Options...); len(words) > 0 {
		text += " with " + commas(words)
	}
	return text + s.After.words()
}

// Apply changes it.
func (s *Reconfigure) Apply(env *Env) error {
	fd, err := env.mounted(s.Kept, s.Target)
	if err != nil {
		return err
	}
	if s.Kept == 0 {
		defer unix.Close(fd)
	}
	if err := unix.Mount("", onFD(fd), "", unix.MS_REMOUNT|uintptr(s.Flags), commas(s.Options)); err != nil {
		return s.explain(fd, err)
	}
	return s.After.apply(fd)
}

// explain asks fspick(2) for the kernel's sentence. Only options are offered to it: they
// are checked when they are set, and take effect when nobody asks any more.
func (s *Reconfigure) explain(fd int, err error) error {
	failed := &sys.Error{Call: "mount(" + sys.Quote(s.Target) + ", MS_REMOUNT|" + sys.Hex(s.Flags) + ", " + sys.Quote(commas(s.Options)) + ")", Errno: sys.Errno(err)}
	if err == unix.EINVAL && !isMountRoot(fd) {
		return notMounted(s.Target)
	}
	fs, err := unix.Fspick(fd, "", unix.FSPICK_CLOEXEC|unix.FSPICK_EMPTY_PATH)
	if err != nil {
		return failed
	}
	defer unix.Close(fs)
	for _, o := range s.Options {
		key, value, assigned := cut(o, '=')
		if assigned {
			err = unix.FsconfigSetString(fs, key, value)
		} else {
			err = unix.FsconfigSetFlag(fs, key)
		}
		if err != nil {
			failed.Call = "fsconfig(" + o + ")"
			break
		}
	}
	failed.Kernel = lastMessage(fs)
	return failed
}

// Remount changes the flags of a mount that an earlier entry made (options remount and
// bind), or makes one read-only once everything is in place on it.
type Remount struct {
	Target string
	After  Attributes
	Kept   int // as in Reconfigure
}

// Fields passes it through the codec.
func (s *Remount) Fields(c *Codec) { c.String(&s.Target); s.After.Fields(c); c.Int(&s.Kept) }

func (s *Remount) String() string { return "change the mount on " + s.Target + s.After.words() }

// Apply changes it.
func (s *Remount) Apply(env *Env) error {
	fd, err := env.mounted(s.Kept, s.Target)
	if err != nil {
		return err
	}
	if s.Kept == 0 {
		defer unix.Close(fd)
	}
	err = s.After.apply(fd)
	if err != nil && sys.Errno(err) == unix.EINVAL && !isMountRoot(fd) {
		return notMounted(s.Target)
	}
	return err
}

func notMounted(target string) error {
	return &Problem{Text: "nothing is mounted on " + target + " that could be remounted: invalid argument", Hint: "The mount must stand before its remount in .mounts."}
}

// isMountRoot: statx(2) STATX_ATTR_MOUNT_ROOT, since Linux 5.8.
func isMountRoot(fd int) bool {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, 0, &st)
	return err == nil && st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}
