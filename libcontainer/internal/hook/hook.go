// Package hook runs one hook of config.json to its end (config.md "POSIX-platform
// Hooks"): the state of the container on standard input, the last lines of its output
// kept, nothing else of ours open, and a timeout that holds whatever it has started: the
// process group is killed, and nobody waits for what has left it (setsid(2)).
//
// The runtime runs the hooks of its own namespaces with it, init those of the
// container's. So it is part of the early child (see package child) and imports nothing
// but sys, syscall, unsafe, strconv, errors and x/sys/unix.
package hook

import (
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Program is a hook that is ready to be executed.
type Program struct {
	Kind      string // "createRuntime"
	Index     int    // in the list of its kind
	Path      string // absolute
	Args      []string
	Env       []string // the whole of its environment
	Timeout   int      // in seconds; 0: none
	State     []byte   // for its standard input
	Container bool     // Path counts inside the container
	// Untracing takes CAP_SYS_PTRACE away from the hook and all that it executes: it is a
	// program of the image's, and a child of an init whose other threads are the host's.
	Untracing bool
}

// Argv is what the hook is executed with (execv(3)).
func (p *Program) Argv() []string {
	if len(p.Args) == 0 {
		return []string{p.Path}
	}
	return p.Args
}

// Field is the hook's place in config.json.
func (p *Program) Field() string { return Field(p.Kind, p.Index) }

// Field is the place in config.json of a hook.
func Field(kind string, index int) string { return ".hooks." + kind + "[" + strconv.Itoa(index) + "]" }

// Failure is a hook that did not succeed.
type Failure struct {
	Kind   string
	Index  int
	Path   string
	What   string // "exit status 1", "killed by SIGSEGV", "not executed (ENOENT)"
	Kernel string // the kernel's sentence, where the hook could not be executed
	After  string // how long it ran; empty where it did not
	Said   string // its last lines; may be empty
	Hint   string // a sentence; may be empty
}

// Short names hook, outcome and time, without a word of the kernel's or the hook's own:
// in what a runtime prints before its error, clients look for those (warnings).
func (f *Failure) Short() string {
	text := f.Kind + " hook " + f.Path + ": " + f.What
	if f.After != "" {
		text += " after " + f.After
	}
	return text
}

func (f *Failure) Error() string {
	text := f.Short()
	if f.Kernel != "" {
		text = f.Kind + " hook " + f.Path + ": " + f.Kernel
	}
	if f.Said != "" {
		text += ": " + f.Said
	}
	return text
}

// Field is the hook's place in config.json.
func (f *Failure) Field() string { return Field(f.Kind, f.Index) }

// Cannot is the failure of a hook that could not be executed. It looks for what the
// errno does not say.
func (p *Program) Cannot(call string, errno error) *Failure {
	n := sys.Errno(errno)
	return &Failure{
		Kind: p.Kind, Index: p.Index, Path: p.Path, What: "not executed (" + unix.ErrnoName(n) + ")",
		Kernel: sys.Fail(n, call, sys.Quote(p.Path)).Error(), Hint: p.hint(n),
	}
}

func (p *Program) hint(errno unix.Errno) string {
	var st unix.Stat_t
	there := unix.Stat(p.Path, &st)
	switch {
	case errno == unix.ENOENT && there == unix.ENOENT && p.Container:
		return "There is no such file in the container, where the path of a " + p.Kind + " hook counts."
	case errno == unix.ENOENT && there == unix.ENOENT:
		return "There is no such file on the host, where the path of a " + p.Kind + " hook counts."
	case errno == unix.ENOENT && there == nil:
		return p.Path + " exists, but the interpreter in its first line, or its loader, does not."
	case errno == unix.EACCES && there == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return p.Path + " is a directory."
	case errno == unix.EACCES && there == nil && st.Mode&0o111 == 0:
		return "Its mode " + sys.Octal(st.Mode&0o777) + " lacks x: chmod +x " + p.Path + "."
	case errno == unix.EACCES:
		return "A folder on the way is closed to the hook's user, or the filesystem is mounted noexec."
	case errno == unix.ENOEXEC:
		return p.Path + ` is no program for this machine; a script begins with "#!" and its interpreter.`
	}
	return ""
}
