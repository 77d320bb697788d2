package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/inroot"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Environment is what the program starts with: its arguments and its environ.
type Environment struct {
	Args, Env []string
	// Home asks for HOME, which the environment lacks, from the container's
	// /etc/passwd, by UID; "/" where that does not say.
	Home bool
	UID  uint32
}

// Fields passes it through the codec.
func (s *Environment) Fields(c *Codec) {
	c.Strings(&s.Args)
	c.Strings(&s.Env)
	c.Bool(&s.Home)
	c.Uint32(&s.UID)
}

func (s *Environment) String() string {
	text := []byte("prepare the command")
	for _, a := range s.Args {
		text = append(append(text, ' '), sys.Quote(a)...)
	}
	text = append(text, " with "+sys.Int(len(s.Env))+" variables"...)
	if s.Home {
		text = append(text, " and HOME from the container's /etc/passwd"...)
	}
	return string(text)
}

// passwdLimit bounds what is read of the image's /etc/passwd, in bytes.
const passwdLimit = 1 << 20

// Apply looks the home up.
func (s *Environment) Apply(env *Env) error {
	env.Exec.Args, env.Exec.Env = s.Args, s.Env
	if s.Home {
		env.Exec.Env = append(env.Exec.Env, "HOME="+homeOf(env, s.UID))
	}
	return nil
}

// homeOf never fails: an odd /etc/passwd is the image author's affair.
func homeOf(env *Env, uid uint32) string {
	data, err := inroot.ReadFile(env.Root, "/etc/passwd", passwdLimit)
	if err != nil {
		return "/"
	}
	want := sys.Uint(uint64(uid))
	for rest := string(data); rest != ""; {
		var line string
		line, rest, _ = cut(rest, '\n')
		var field [6]string // name, password, uid, gid, gecos, home
		for i := range field {
			field[i], line, _ = cut(line, ':')
		}
		if field[2] == want && len(field[5]) > 0 && field[5][0] == '/' {
			return field[5]
		}
	}
	return "/"
}

// FindProgram finds the program as execvp(3) would, along PATH of the container's
// environment and as the container's user, so that create can report what is wrong.
type FindProgram struct {
	Name string
	Path string // the value of PATH; empty: the name is not looked up anywhere
}

// Fields passes it through the codec.
func (s *FindProgram) Fields(c *Codec) { c.String(&s.Name); c.String(&s.Path) }
func (s *FindProgram) String() string  { return "find the program " + sys.Quote(s.Name) }

// Apply finds it. The working directory is the program's own by now. What execve needs is
// made here: its arguments may be mebibytes, and a limit will leave init no memory.
func (s *FindProgram) Apply(env *Env) error {
	err := s.find(env)
	if err == nil {
		env.kept.vectors, err = vectorsOf(env.Exec)
	}
	return err
}

func (s *FindProgram) find(env *Env) error {
	if hasSlash(s.Name) {
		env.Exec.Path = s.Name
		return s.direct(s.Name)
	}
	var refused error
	for rest, more := s.Path, s.Path != ""; more; {
		var dir string
		dir, rest, more = cut(rest, ':')
		if dir == "" {
			dir = "."
		}
		candidate := dir + "/" + s.Name
		err := executable(candidate)
		if err == nil {
			env.Exec.Path = candidate
			return nil
		}
		if err == unix.EACCES && refused == nil {
			refused = s.refused(candidate)
		}
	}
	if refused != nil {
		return refused
	}
	return &Problem{Text: "exec: " + sys.Quote(s.Name) + ": executable file not found in $PATH", Hint: s.elsewhere()}
}

func hasSlash(s string) bool {
	for i := range len(s) {
		if s[i] == '/' {
			return true
		}
	}
	return false
}

func (s *FindProgram) direct(path string) error {
	err := executable(path)
	switch {
	case err == nil:
		return nil
	case err == unix.EISDIR:
		return &Problem{Text: "exec: " + sys.Quote(path) + ": is a directory", Hint: "Give the path of a program."}
	case err == unix.EACCES:
		return s.refused(path)
	}
	return &Problem{Text: "exec: " + sys.Quote(path) + ": stat " + path + ": " + err.Error(), Hint: missing(path)}
}

// executable asks the kernel whether this thread may execute a file.
func executable(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		return unix.EISDIR
	default:
		return unix.EACCES // as execve(2) will say
	}
	// AT_EACCESS: by the effective ids and capabilities of this thread (faccessat2(2)).
	if err := unix.Faccessat2(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS); err != nil {
		return err
	}
	return nil
}

// refused looks for the reason only now.
func (s *FindProgram) refused(path string) error {
	p := &Problem{Text: "exec: " + sys.Quote(path) + ": permission denied"}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		p.Hint = barred(path)
		return p
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		p.Hint = path + " is no program but " + fileKind(st.Mode) + "."
		return p
	}
	if st.Mode&0o111 == 0 {
		p.Hint = "Its mode " + sys.Octal(st.Mode&0o777) + " lacks x: chmod +x " + path + " in the image."
		return p
	}
	var fs unix.Statfs_t
	if unix.Statfs(path, &fs) == nil && fs.Flags&unix.ST_NOEXEC != 0 {
		p.Hint = "It lies on a filesystem that is mounted noexec."
		return p
	}
	p.Hint = "Its mode " + sys.Octal(st.Mode&0o777) + " and owner " + owner(&st) + " leave it closed to the container's user."
	return p
}

// usual are the folders that a PATH often lacks.
var usual = [...]string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

func (s *FindProgram) elsewhere() string {
	if dir := usualFolder(s.Name); dir != "" {
		return "It is in " + dir + ": add that to PATH in .process.env."
	}
	if s.Path == "" {
		return "The container's environment has no PATH: add one to .process.env, or give the whole path."
	}
	return "PATH in the container is " + s.Path + "."
}

// CloseFiles makes every descriptor from First on close-on-exec: what the program
// gets are 0, 1, 2 and those that the caller preserved.
type CloseFiles struct{ First int }

// Fields passes it through the codec.
func (s *CloseFiles) Fields(c *Codec) { c.Int(&s.First) }
func (s *CloseFiles) String() string {
	return "keep every file from number " + sys.Int(s.First) + " on from the program"
}

// Apply marks them.
func (s *CloseFiles) Apply(*Env) error {
	if err := unix.CloseRange(uint(s.First), ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return sys.Fail(err, "close_range", sys.Int(s.First), "CLOSE_RANGE_CLOEXEC")
	}
	return nil
}

// ResetSignals gives every signal its default action and lets each through: what the caller
// ignored or blocked would stay so in the program (execve(2)).
type ResetSignals struct{}

// Fields passes it through the codec.
func (s *ResetSignals) Fields(*Codec)  {}
func (s *ResetSignals) String() string { return "give every signal its default action, and block none" }

// Apply looks which are ignored, and resets those: handlers vanish by themselves.
func (s *ResetSignals) Apply(env *Env) error {
	for sig := uintptr(1); sig <= 64; sig++ {
		if err := sys.ResetIgnored(sig); err != nil {
			return sys.Fail(err, "rt_sigaction", sys.Int(int(sig)))
		}
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &unix.Sigset_t{}, nil); err != nil {
		return sys.Fail(err, "rt_sigprocmask", "SIG_SETMASK", "no signal")
	}
	return nil
}
