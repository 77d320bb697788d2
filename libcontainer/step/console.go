package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/inroot"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Console opens a terminal in the container's devpts, hands its master to the host,
// and shows the other side as /dev/console (config.md "process.terminal").
type Console struct {
	Height, Width uint32 // in characters; 0: leave the size
	UID           uint32 // who the terminal belongs to
}

// Fields passes it through the codec.
func (s *Console) Fields(c *Codec) { c.Uint32(&s.Height); c.Uint32(&s.Width); c.Uint32(&s.UID) }

func (s *Console) String() string {
	return "open a terminal, hand it to the caller, and bind it to /dev/console"
}

// Apply reaches the terminal's other side by an ioctl on the master, never by its
// name, which the image could have laid a link under (CVE-2025-52565).
func (s *Console) Apply(env *Env) error {
	master, err := openMaster(env)
	if err != nil {
		return err
	}
	defer unix.Close(master)
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return sys.Fail(err, "ioctl", "ptmx", "TIOCSPTLCK")
	}
	peer, err := ioctlPeer(master)
	if err != nil {
		return sys.Fail(err, "ioctl", "ptmx", "TIOCGPTPEER")
	}
	env.kept.console = peer
	if s.Height != 0 && s.Width != 0 {
		size := &unix.Winsize{Row: uint16(s.Height), Col: uint16(s.Width)}
		if err := unix.IoctlSetWinsize(peer, unix.TIOCSWINSZ, size); err != nil {
			return sys.Fail(err, "ioctl", "the terminal", "TIOCSWINSZ")
		}
	}
	if err := unix.Fchown(peer, int(s.UID), -1); err != nil {
		return sys.Fail(err, "fchown", "the terminal", sys.Int(int(s.UID)))
	}
	if err := showConsole(env, peer); err != nil {
		return err
	}
	return env.Host.Console(master)
}

func openMaster(env *Env) (int, error) {
	fd, err := inroot.Open(env.Root, "/dev/pts/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NOFOLLOW)
	if err != nil {
		return -1, &Problem{Text: "open /dev/pts/ptmx of the container: " + err.Error(),
			Hint: "A terminal needs a devpts mount on /dev/pts in .mounts."}
	}
	var fs unix.Statfs_t
	var st unix.Stat_t
	if unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.DEVPTS_SUPER_MAGIC && unix.Fstat(fd, &st) == nil && st.Rdev == unix.Mkdev(5, 2) {
		return fd, nil
	}
	unix.Close(fd)
	return -1, &Problem{Text: "/dev/pts/ptmx of the container is not the terminal multiplexer of a devpts"}
}

func ioctlPeer(master int) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

func showConsole(env *Env, peer int) error {
	dir, err := devFolder(env, "/dev")
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	made, err := unix.Openat(dir, "console", unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err == nil {
		unix.Close(made)
	} else if err != unix.EEXIST {
		return sys.Fail(err, "openat", `"/dev/console"`, "O_CREAT|O_EXCL")
	}
	place, err := unix.Openat(dir, "console", unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return sys.Fail(err, "openat", `"/dev/console"`, "O_PATH")
	}
	defer unix.Close(place)
	if err := unix.Mount(onFD(peer), onFD(place), "", unix.MS_BIND, ""); err != nil {
		return sys.Fail(err, "mount", "the terminal", `"/dev/console"`, "MS_BIND")
	}
	return nil
}

// TakeConsole makes the terminal the standard input, output and error, and the
// controlling terminal of the session.
type TakeConsole struct{}

// Fields passes it through the codec.
func (s *TakeConsole) Fields(*Codec)  {}
func (s *TakeConsole) String() string { return "use the terminal for input, output and error" }

// Apply takes it.
func (s *TakeConsole) Apply(env *Env) error {
	for fd := range 3 {
		if err := unix.Dup3(env.kept.console, fd, 0); err != nil {
			return sys.Fail(err, "dup3", "the terminal", sys.Int(fd))
		}
	}
	unix.Close(env.kept.console)
	if err := unix.IoctlSetInt(0, unix.TIOCSCTTY, 0); err != nil {
		return sys.Fail(err, "ioctl", "the terminal", "TIOCSCTTY")
	}
	return nil
}
