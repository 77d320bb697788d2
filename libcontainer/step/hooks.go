package step

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/hook"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// HookField is a hook's place in config.json.
func HookField(kind string, index int) string { return hook.Field(kind, index) }

// RuntimeHook waits while the host runs a hook in the runtime's namespaces (config.md
// "prestart", "createRuntime").
type RuntimeHook struct {
	Kind  string
	Index int
	Path  string
}

// Fields passes it through the codec.
func (s *RuntimeHook) Fields(c *Codec) { c.String(&s.Kind); c.Int(&s.Index); c.String(&s.Path) }
func (s *RuntimeHook) String() string {
	return "wait while the host runs the " + s.Kind + " hook " + s.Path
}

// Apply waits.
func (s *RuntimeHook) Apply(env *Env) error {
	_, err := env.Host.Pause(hook.Field(s.Kind, s.Index))
	return err
}

// ContainerHook runs a hook in the container's namespaces: createContainer, whose path
// counts in the runtime's, and startContainer, whose path counts in the container.
type ContainerHook struct {
	Kind      string
	Index     int
	Path      string
	Args, Env []string
	Timeout   int       // in seconds; 0: none
	State     StateText // for its standard input
	Preserved int       // descriptors from 3 on that are the program's, not the hook's
	Started   bool      // startContainer
	Untracing bool      // see hook.Program
}

// StateText is the state of a container as JSON, without the pid, which only init
// knows: the text before it and the text after it.
type StateText struct{ Before, After string }

// Fields passes it through the codec.
func (s *ContainerHook) Fields(c *Codec) {
	c.String(&s.Kind)
	c.Int(&s.Index)
	c.String(&s.Path)
	c.Strings(&s.Args)
	c.Strings(&s.Env)
	c.Int(&s.Timeout)
	c.String(&s.State.Before)
	c.String(&s.State.After)
	c.Int(&s.Preserved)
	c.Bool(&s.Started)
	c.Bool(&s.Untracing)
}

func (s *ContainerHook) String() string {
	text := "run the " + s.Kind + " hook " + s.Path
	if s.Untracing {
		text += ", without CAP_SYS_PTRACE"
	}
	return text
}

// Apply runs it. Its pid is what the container sees: getpid(2) here.
func (s *ContainerHook) Apply(env *Env) error {
	p := &hook.Program{
		Kind: s.Kind, Index: s.Index, Path: s.Path, Args: s.Args, Env: s.Env, Timeout: s.Timeout, Container: s.Started, Untracing: s.Untracing,
		State: []byte(s.State.Before + sys.Int(unix.Getpid()) + s.State.After),
	}
	at := hook.Place{Dir: "/", File: -1, Preserved: s.Preserved}
	watched := -1
	if !s.Started {
		// A create that dies takes its hook along.
		watched = env.Host.FD()
		at.Dir = onFD(env.Root)
		program, err := env.Host.Pause(p.Field())
		if err != nil {
			return err
		}
		defer unix.Close(program)
		if !leadsTo(s.Path, program) {
			at.File = program
		}
	}
	err := s.run(p, at, watched, env.RestoreTHP)
	var failed *hook.Failure
	if errors.As(err, &failed) {
		return &Problem{Text: failed.Error(), Hint: failed.Hint}
	}
	return err
}

// run brings transparent huge pages back for as long as it takes to execute the hook,
// which inherits the setting.
func (s *ContainerHook) run(p *hook.Program, at hook.Place, watched int, pages bool) error {
	if pages {
		_ = unix.Prctl(unix.PR_SET_THP_DISABLE, 0, 0, 0, 0)
	}
	running, err := start(p, at)
	if pages {
		_ = unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0)
	}
	if err != nil {
		return err
	}
	return running.Wait(watched)
}

// start executes the hook at once.
func start(p *hook.Program, at hook.Place) (*hook.Process, error) {
	if !p.Untracing {
		return p.Start(at)
	}
	dir, err := unix.Open(at.Dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, sys.Fail(err, "open", sys.Quote(at.Dir), "O_PATH")
	}
	defer unix.Close(dir)
	held, err := hook.Hold(p, dir)
	if err != nil {
		return nil, err
	}
	return &held.Process, held.Open()
}

// leadsTo tells whether a path shows the same file here as on the host: not so in a
// folder that is closed to the container's root user, or below a mount of the container's.
func leadsTo(path string, fd int) bool {
	var here, there unix.Stat_t
	return unix.Stat(path, &here) == nil && unix.Fstat(fd, &there) == nil && here.Dev == there.Dev && here.Ino == there.Ino
}
