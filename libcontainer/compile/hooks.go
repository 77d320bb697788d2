package compile

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// The kinds of hooks, in the order of events (config.md "POSIX-platform Hooks").
const (
	Prestart        = "prestart"
	CreateRuntime   = "createRuntime"
	CreateContainer = "createContainer"
	StartContainer  = "startContainer"
	Poststart       = "poststart"
	Poststop        = "poststop"
)

// HookKinds lists them.
func HookKinds() []string {
	return []string{Prestart, CreateRuntime, CreateContainer, StartContainer, Poststart, Poststop}
}

// Hooks gives those of one kind.
func Hooks(s *specs.Spec, kind string) []specs.Hook {
	if s.Hooks == nil {
		return nil
	}
	switch kind {
	case Prestart:
		return s.Hooks.Prestart
	case CreateRuntime:
		return s.Hooks.CreateRuntime
	case CreateContainer:
		return s.Hooks.CreateContainer
	case StartContainer:
		return s.Hooks.StartContainer
	case Poststart:
		return s.Hooks.Poststart
	case Poststop:
		return s.Hooks.Poststop
	}
	return nil
}

// HookTimeout is a hook's, in seconds; 0 for none.
func HookTimeout(h *specs.Hook) int {
	if h.Timeout == nil {
		return 0
	}
	return *h.Timeout
}

// createHooks come once every mount and device is there, and before what is read-only
// or masked becomes so: a hook may still add to the root.
func (c *compiler) createHooks() {
	for _, kind := range []string{Prestart, CreateRuntime} {
		for i, h := range Hooks(c.spec, kind) {
			c.add(step.HookField(kind, i), &step.RuntimeHook{Kind: kind, Index: i, Path: h.Path})
		}
	}
	c.containerHooks(CreateContainer, c.facts.Creating)
}

// startHooks come when start has been called, as the program's user.
func (c *compiler) startHooks() { c.containerHooks(StartContainer, c.facts.Created) }

func (c *compiler) containerHooks(kind string, state step.StateText) {
	for i, h := range Hooks(c.spec, kind) {
		c.add(step.HookField(kind, i), &step.ContainerHook{
			Kind: kind, Index: i, Path: h.Path, Args: h.Args, Env: h.Env, Timeout: HookTimeout(&h),
			State: state, Preserved: c.facts.PreserveFDs, Started: kind == StartContainer, Untracing: kind == StartContainer && c.mayTrace(),
		})
	}
}

// mayTrace tells whether the program gets CAP_SYS_PTRACE, now or by a later execve.
func (c *compiler) mayTrace() bool {
	p := c.spec.Process
	if p == nil || p.Capabilities == nil {
		return true
	}
	sets := p.Capabilities
	for _, set := range [][]string{sets.Bounding, sets.Permitted, sets.Inheritable} {
		if slices.Contains(set, "CAP_SYS_PTRACE") {
			return true
		}
	}
	return false
}

// HookLines says in plain words which hooks of a kind run outside the plan.
func HookLines(s *specs.Spec, kind string) (lines []Line) {
	for i, h := range Hooks(s, kind) {
		lines = append(lines, Line{Field: step.HookField(kind, i), Text: "run the " + kind + " hook " + h.Path})
	}
	return lines
}
