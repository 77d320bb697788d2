package libcontainer

import (
	"errors"
	"strconv"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/compile"
	"github.com/mdrun/mdrun/libcontainer/internal/hook"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/libcontainer/internal/wire"
	"github.com/mdrun/mdrun/libcontainer/step"
	"github.com/mdrun/mdrun/spec"
	"github.com/mdrun/mdrun/spec/strictjson"
)

// The hooks in the runtime's namespaces run here; those in the container's are steps of
// its plan (step.ContainerHook).

// stateText is the state that a hook is given (runtime.md "State"), around the pid.
func stateText(id, bundle string, annotations map[string]string, status Status) step.StateText {
	w := &strictjson.Writer{Buf: make([]byte, 0, 256)}
	w.Open('{')
	w.String("ociVersion", ociVersion)
	w.String("id", id)
	w.String("status", string(status))
	if status != Stopped {
		w.Key("pid")
	}
	before := string(w.Buf)
	w.Buf = w.Buf[:0]
	w.String("bundle", bundle)
	if len(annotations) > 0 {
		w.Dict("annotations", annotations)
	}
	w.Close('}')
	return step.StateText{Before: before, After: string(w.Buf)}
}

// hookState is the state as it is now.
func (c *container) hookState(status Status) []byte {
	t := stateText(c.record.ID, c.record.Bundle, c.record.Annotations, status)
	pid := ""
	if status != Stopped {
		pid = strconv.Itoa(c.record.PID)
	}
	return []byte(t.Before + pid + t.After)
}

// runHook runs one hook in our own namespaces, in the bundle. It waits behind a gate
// until it is on record, so that delete --force finds it whenever we are killed.
func (c *container) runHook(kind string, index int, h *specs.Hook, status Status) error {
	p := &hook.Program{
		Kind: kind, Index: index, Path: h.Path, Args: h.Args, Env: h.Env, Timeout: compile.HookTimeout(h), State: c.hookState(status),
	}
	c.runtime.debug("run the " + kind + " hook " + h.Path)
	dir, err := hookDir(c.record.Bundle)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	callersNofile()
	held, err := hook.Hold(p, dir)
	if err != nil {
		return &Error{Field: p.Field(), Err: err}
	}
	if c.record.Hook, err = identify(held); err == nil {
		err = c.record.save(c.dir)
	}
	if err != nil {
		held.Drop()
		c.record.Hook = hookProcess{}
		return err
	}
	if err = held.Open(); err == nil {
		err = held.Wait(-1)
	}
	c.record.Hook = hookProcess{}
	return err
}

// hookDir is the bundle, which may be gone when the container is.
func hookDir(bundle string) (int, error) {
	if fd, err := unix.Open(bundle, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err == nil {
		return fd, nil
	}
	fd, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return fd, sys.Fail(err, "open", `"/"`, "O_PATH")
}

// callersNofile takes back that the Go runtime has raised our soft limit of open files: a
// hook gets the caller's. syscall.Exec does so first, and with an empty path nothing else
// (execve(2): ENOENT).
func callersNofile() { _ = syscall.Exec("", nil, nil) }

// held is the container in the making as one that exists.
func (c *creation) held(failing bool) *container {
	return &container{runtime: c.runtime, dir: c.dir, record: c.record, failing: failing}
}

// answer lets a child go on that has come to a hook.
func (c *creation) answer(name string) error {
	program, err := c.pause(name)
	if err != nil {
		return err
	}
	if program >= 0 {
		defer unix.Close(program)
	}
	return c.child.Conn.Send(wire.GoOn, nil, program)
}

// pause runs the hook if it belongs into our namespaces, and opens the program of one that
// the child will run, since its path counts here.
func (c *creation) pause(name string) (program int, err error) {
	for _, kind := range []string{compile.Prestart, compile.CreateRuntime, compile.CreateContainer} {
		for i, h := range compile.Hooks(c.Bundle.Spec, kind) {
			switch {
			case step.HookField(kind, i) != name:
			case kind == compile.CreateContainer:
				c.record.Hook = hookProcess{Field: name}
				if err := c.record.save(c.dir); err != nil {
					return -1, err
				}
				return openProgram(i, &h)
			default:
				if err := c.held(false).runHook(kind, i, &h, Creating); err != nil {
					return -1, err
				}
				// What the hook has left behind is not ours to kill any more.
				return -1, c.record.save(c.dir)
			}
		}
	}
	return -1, errors.New("the child asks for a hook that is not there: " + strconv.Quote(name))
}

// hookEnded: the child has something to say, and so the hook that it ran has ended.
func (c *creation) hookEnded() error {
	if c.record.Hook.Field == "" {
		return nil
	}
	c.record.Hook = hookProcess{}
	return c.record.save(c.dir)
}

func openProgram(index int, h *specs.Hook) (int, error) {
	fd, err := unix.Open(h.Path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		p := hook.Program{Kind: compile.CreateContainer, Index: index, Path: h.Path}
		return -1, p.Cannot("open", err)
	}
	return fd, nil
}

// recordedHooks reads hooks of a kind from the copy of config.json.
func (c *container) recordedHooks(kind string) ([]specs.Hook, error) {
	raw, err := c.dir.read(configFile)
	if err != nil {
		return nil, err
	}
	s, _, err := spec.Decode(configFile, raw)
	if err != nil {
		return nil, err
	}
	return compile.Hooks(s, kind), nil
}

// poststart runs those hooks while the program runs. One that fails is the failure of
// start.
func (c *container) poststart() error {
	if !c.record.Poststart {
		return nil
	}
	hooks, err := c.recordedHooks(compile.Poststart)
	if err != nil {
		return err
	}
	for i := range hooks {
		if err := c.runHook(compile.Poststart, i, &hooks[i], c.status(true)); err != nil {
			return err
		}
	}
	return c.record.save(c.dir)
}
