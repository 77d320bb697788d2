package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/inroot"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Cwd changes to the working directory of the program (config.md "process.cwd"),
// making it where it is missing.
type Cwd struct {
	Path string
	// AsUser is set for the second try, after the user has changed: a directory may
	// be closed to root (NFS, user namespaces) and open to the user.
	AsUser bool
}

// Fields passes it through the codec.
func (s *Cwd) Fields(c *Codec) { c.String(&s.Path); c.Bool(&s.AsUser) }

func (s *Cwd) String() string {
	if s.AsUser {
		return "make sure that the working directory is " + s.Path + ", as the user"
	}
	return "change to the working directory " + s.Path + ", made if missing"
}

// Apply changes through a descriptor that was reached below the root, so that no
// path can lead outside (CVE-2024-21626), and asks the kernel where we are.
func (s *Cwd) Apply(env *Env) error {
	if s.AsUser {
		return s.again(env)
	}
	fd, err := inroot.MkdirAll(env.Root, s.Path)
	if err != nil {
		return &Problem{Text: `chdir to cwd ("` + s.Path + `") set in config.json failed: ` + err.Error(), Hint: cwdHint(err)}
	}
	defer unix.Close(fd)
	err = unix.Fchdir(fd)
	if err == unix.EACCES {
		env.kept.cwdRefused = true
		return nil
	}
	if err != nil {
		return s.failed(err)
	}
	return s.inside()
}

// cwdHint is what can be done about a directory that is not there and cannot be made.
func cwdHint(err error) string {
	switch sys.Errno(err) {
	case unix.EROFS:
		return "The filesystem is read-only here: make the directory in the image, or mount a tmpfs over it."
	case unix.ELOOP:
		return "A link on the way to it leads to itself, or is one of those below /proc/PID, which are not followed: they lead out of the root."
	case unix.EACCES:
		return "The folder that it would be in is closed to the user that the container's root is on the host."
	}
	return found(err)
}

func (s *Cwd) again(env *Env) error {
	if !env.kept.cwdRefused {
		return nil
	}
	fd, err := inroot.Open(env.Root, s.Path, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return s.failed(sys.Errno(err))
	}
	defer unix.Close(fd)
	if err := unix.Fchdir(fd); err != nil {
		return s.failed(err)
	}
	return s.inside()
}

func (s *Cwd) failed(err error) error {
	return &Problem{Text: `chdir to cwd ("` + s.Path + `") set in config.json failed: ` + err.Error()}
}

// inside asks getcwd(2) itself: outside the root it answers "(unreachable)" or
// ENOENT.
func (s *Cwd) inside() error {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Getcwd(buf)
	if err == nil && n > 0 && buf[0] == '/' {
		return nil
	}
	return &Problem{Text: "the working directory " + s.Path + " is not inside the container's root"}
}

// Umask sets the file mode creation mask.
type Umask struct{ Mask uint32 }

// Fields passes it through the codec.
func (s *Umask) Fields(c *Codec) { c.Uint32(&s.Mask) }
func (s *Umask) String() string  { return "set the umask to " + sys.Octal(s.Mask) }

// Apply sets it.
func (s *Umask) Apply(*Env) error {
	unix.Umask(int(s.Mask))
	return nil
}

// OwnStdio gives the program's user the pipes it was started with, so that it can open
// /dev/stdout by name. A terminal or a file is the caller's and stays so: to own it
// would outlast the container.
type OwnStdio struct{ UID uint32 }

// Fields passes it through the codec.
func (s *OwnStdio) Fields(c *Codec) { c.Uint32(&s.UID) }
func (s *OwnStdio) String() string {
	return "give input, output and error to user " + sys.Int(int(s.UID)) + " where they are pipes"
}

// Apply gives them. What is not permitted, read-only or not mapped stays as it is.
func (s *OwnStdio) Apply(*Env) error {
	for fd := range 3 {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Uid == s.UID || st.Mode&unix.S_IFMT != unix.S_IFIFO {
			continue // a closed descriptor has no owner either
		}
		err := unix.Fchown(fd, int(s.UID), -1)
		if err != nil && err != unix.EPERM && err != unix.EROFS && err != unix.EINVAL {
			return sys.Fail(err, "fchown", sys.Int(fd), sys.Int(int(s.UID)))
		}
	}
	return nil
}

// OOMScore sets how soon the kernel's out-of-memory killer takes the program, from
// -1000 (never) to 1000 (proc_pid_oom_score_adj(5)).
type OOMScore struct{ Value int }

// Fields passes it through the codec.
func (s *OOMScore) Fields(c *Codec) { c.Int(&s.Value) }
func (s *OOMScore) String() string  { return "set oom_score_adj to " + sys.Int(s.Value) }

// Apply writes it, or has the host write it: a user namespace may not lower the score,
// and the files of a child in a joined one belong to the host's user (spawn.Executable).
func (s *OOMScore) Apply(env *Env) error {
	err := inroot.WriteProc(env.Proc, "self/oom_score_adj", sys.Int(s.Value))
	if sys.Errno(err) == unix.EACCES {
		return env.Host.OOMScore()
	}
	return err
}

// Rlimit sets a resource limit (getrlimit(2)).
type Rlimit struct {
	Name       string // RLIMIT_NOFILE
	Resource   int
	Soft, Hard uint64
	// Room: only the hard half, and only upwards. It is for a limit that would hinder init,
	// and comes while that may still raise it.
	Room bool
}

// Fields passes it through the codec.
func (s *Rlimit) Fields(c *Codec) {
	c.String(&s.Name)
	c.Int(&s.Resource)
	c.Uint64(&s.Soft)
	c.Uint64(&s.Hard)
	c.Bool(&s.Room)
}

func (s *Rlimit) String() string {
	if s.Room {
		return "make room for " + s.Name + " up to " + limitText(s.Hard)
	}
	return "set " + s.Name + " to " + limitText(s.Soft) + " (hard " + limitText(s.Hard) + ")"
}

func limitText(n uint64) string {
	if n == ^uint64(0) {
		return "unlimited"
	}
	return sys.Uint(n)
}

// Apply sets it. What raises a hard limit the host does where we may not: in a user
// namespace nobody may (kernel/sys.c, do_prlimit).
func (s *Rlimit) Apply(env *Env) error {
	if s.Room {
		_, err := s.MakeRoom(0)
		if err == unix.EPERM {
			return env.Host.Room(s.Name)
		}
		return sys.Fail(err, "prlimit", s.Name)
	}
	limit := &unix.Rlimit{Cur: s.Soft, Max: s.Hard}
	err := unix.Prlimit(0, s.Resource, limit, nil)
	if err == unix.EPERM {
		if err := env.Host.Room(s.Name); err != nil {
			return err
		}
		err = unix.Prlimit(0, s.Resource, limit, nil)
	}
	return sys.Fail(err, "prlimit", s.Name, limitText(s.Soft), limitText(s.Hard))
}

// MakeRoom raises the hard half of a process's limit (0: our own), if it is lower. It gives
// what there was, for an error.
func (s *Rlimit) MakeRoom(pid int) (was string, err error) {
	var old unix.Rlimit
	if err := unix.Prlimit(pid, s.Resource, nil, &old); err != nil || old.Max >= s.Hard {
		return "", err
	}
	return limitText(old.Max), unix.Prlimit(pid, s.Resource, &unix.Rlimit{Cur: old.Cur, Max: s.Hard}, nil)
}

// NoNewPrivileges keeps execve from giving more privileges (prctl(2)
// PR_SET_NO_NEW_PRIVS).
type NoNewPrivileges struct{}

// Fields passes it through the codec.
func (s *NoNewPrivileges) Fields(*Codec)  {}
func (s *NoNewPrivileges) String() string { return "set no_new_privs" }

// Apply sets it.
func (s *NoNewPrivileges) Apply(*Env) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return sys.Fail(err, "prctl", "PR_SET_NO_NEW_PRIVS")
	}
	return nil
}

// User becomes the program's user and groups, and keeps the permitted capabilities
// for the step Capabilities, which comes later.
type User struct {
	UID, GID uint32
	Groups   []uint32
	// NoSetgroups leaves the groups alone: the user namespace denies setgroups(2) and
	// none are asked for.
	NoSetgroups bool
}

// Fields passes it through the codec.
func (s *User) Fields(c *Codec) {
	c.Uint32(&s.UID)
	c.Uint32(&s.GID)
	c.Uint32s(&s.Groups)
	c.Bool(&s.NoSetgroups)
}

func (s *User) String() string {
	text := []byte("become user " + sys.Int(int(s.UID)) + ", group " + sys.Int(int(s.GID)))
	for i, g := range s.Groups {
		if i == 0 {
			text = append(text, ", and groups"...)
		}
		text = append(text, " "+sys.Int(int(g))...)
	}
	return string(text)
}

// Apply changes the ids of this thread only: it is the one that execs.
func (s *User) Apply(env *Env) error {
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return sys.Fail(err, "prctl", "PR_SET_KEEPCAPS", "1")
	}
	if !s.NoSetgroups || len(s.Groups) > 0 {
		if err := sys.Setgroups(s.Groups); err != nil {
			return s.tooMany(sys.Fail(err, "setgroups", "the additional groups"))
		}
	}
	if err := sys.Setresgid(s.GID); err != nil {
		return s.unmapped(sys.Fail(err, "setresgid", sys.Int(int(s.GID))))
	}
	if err := sys.Setresuid(s.UID); err != nil {
		return s.unmapped(sys.Fail(err, "setresuid", sys.Int(int(s.UID))))
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 0, 0, 0, 0); err != nil {
		return sys.Fail(err, "prctl", "PR_SET_KEEPCAPS", "0")
	}
	// A change of ids sets this to what /proc/sys/fs/suid_dumpable says, which may be 1 (prctl(2),
	// proc_sys_fs(5)): until execve the user's other processes could look into init, which holds
	// the host's procfs.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return sys.Fail(err, "prctl", "PR_SET_DUMPABLE", "0")
	}
	return nil
}

// tooMany: NGROUPS_MAX of the kernel (setgroups(2)).
func (s *User) tooMany(err error) error {
	if most := 65536; len(s.Groups) > most {
		return &Problem{Text: err.Error(), Hint: "A process can be in " + sys.Int(most) + " groups."}
	}
	return s.unmapped(err)
}

func (s *User) unmapped(err error) error {
	if sys.Errno(err) != unix.EINVAL {
		return err
	}
	return &Problem{Text: err.Error(), Hint: "The id is not in .linux.uidMappings or .linux.gidMappings of the user namespace."}
}
