// Package step is everything the init of a container can do.
//
// A Plan is an ordered list of small typed steps. The host compiles it from
// config.json (package compile), `mdrun explain` prints it, and the child applies
// it in order (package child). A step is plain exported data without pointers or
// functions; it decides nothing, it only does one thing that a person would
// name: "mount proc on /proc". One file per topic of the specification, under the
// same name as in package compile.
//
// The package runs in the early child and imports only inroot, sys, syscall,
// unsafe, strconv, errors and x/sys/unix.
package step

import (
	"errors"
	"strconv"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Step is one thing that init does.
type Step interface {
	// Apply does it. Errors are *sys.Error, *Problem or wrap one of them.
	Apply(*Env) error
	// String says it in plain words, for explain: "mount tmpfs on /dev".
	String() string
	// Fields passes every field of the step through the codec, in a fixed order.
	Fields(*Codec)
}

// Entry is a step and the place of config.json that asks for it.
type Entry struct {
	// Field is a jq path such as ".mounts[3]"; empty where no field asks for the
	// step because every container gets it.
	Field string
	Step  Step
}

// Plan is what the init of one container does, in order. A plan is made and used
// up by one binary within one command; it is never stored.
type Plan []Entry

// Env holds the few trusted handles that a step may touch. There are no ambient
// paths: what lies in the container's root is reached through Root, what the
// kernel says about processes through Proc. Descriptors that are not there
// are -1.
type Env struct {
	// Proc is an O_PATH descriptor of a procfs instance, opened on the host's
	// side and verified to be the root of a procfs.
	Proc int
	// Root is an O_PATH descriptor of the container's root directory, set by
	// the step EnterRoot.
	Root int
	// Fifo is an O_PATH descriptor of exec.fifo; -1 for a process that does not
	// wait (exec).
	Fifo int
	// Network is a descriptor of the network namespace that EnterNetwork enters.
	Network int
	// Exec is the program that FindProgram settled on.
	Exec Program
	// Host is the process that sent the plan.
	Host Host
	// HidePages is set while transparent huge pages are switched off for init
	// (the caller's setting comes back before the program starts).
	RestoreTHP bool
	// Nofile is the caller's own RLIMIT_NOFILE: the Go runtime raises the soft
	// limit of every Go program when it starts.
	Nofile Limit
	// kept is what one step leaves for a later one; see the steps' own files.
	kept kept
}

// Limit is a pair of resource limits; ^uint64(0) means no limit.
type Limit struct{ Soft, Hard uint64 }

// Host is the other end: the runtime process that compiled the plan.
type Host interface {
	// Console hands over the master side of the container's terminal.
	Console(master int) error
	// Open gives an O_PATH descriptor of a path of the host that is closed to us, in
	// our own mount namespace. The host opens only what the plan names.
	Open(path string) (int, error)
	// Pause tells that the plan has come to this hook (its place in config.json) and
	// waits until the host has run it, or has sent its program: a descriptor, else -1.
	Pause(hook string) (program int, err error)
	// MapIDs has the host set the map that the plan names for this mount (IDMap.Mount)
	// on a mount that is attached nowhere yet: only who has CAP_SYS_ADMIN over its
	// filesystem may (mount_setattr(2)).
	MapIDs(mount, tree int) error
	// OOMScore has the host set our oom_score_adj to what the specification says.
	OOMScore() error
	// Room has the host raise the hard half of one of our resource limits, by its name, to
	// what the plan says.
	Room(limit string) error
	// Ready tells that everything is set up and the child now waits for start.
	Ready() error
	// Gone reports, without blocking, that the host's process has ended.
	Gone() bool
	// FD is a descriptor that polls as hung up when the host's process has ended.
	FD() int
}

// Problem is a failure that is not a system call's own.
type Problem struct {
	Text string // the cause: `exec: "nginx": executable file not found in $PATH`
	Hint string // what to do, a sentence; may be empty
}

func (p *Problem) Error() string { return p.Text }

// found is what a call that failed has found out about the cause, for a Problem that is
// made of it.
func found(err error) string {
	var call *sys.Error
	if errors.As(err, &call) {
		return call.Hint
	}
	return ""
}

// Failure is a step that did not succeed: it names the step and its field, and
// crosses the border between the processes (see package wire).
type Failure struct {
	Index int    // position in the plan
	Field string // the entry's field
	Step  string // the step in plain words
	Err   error
}

func (f *Failure) Error() string {
	if f.Field != "" {
		return f.Field + ": " + f.Step + ": " + f.Err.Error()
	}
	return f.Step + ": " + f.Err.Error()
}

func (f *Failure) Unwrap() error { return f.Err }

// Apply runs the plan. It does not return when the plan ends with Execute and that
// succeeds. A panic in a step is a defect of ours; it becomes the failure of that
// step, so that nothing prints into the container's output.
func (p Plan) Apply(env *Env) (err error) {
	at := 0
	defer func() {
		if r := recover(); r != nil {
			err = p.failure(at, &Problem{Text: "panic: " + panicText(r), Hint: "This is a defect of mdrun; please report it."})
		}
		if err != nil {
			env.tellStart(err)
		}
	}()
	for at = range p {
		if err := p[at].Step.Apply(env); err != nil {
			return p.failure(at, err)
		}
	}
	return nil
}

func (p Plan) failure(i int, err error) error {
	return &Failure{Index: i, Field: p[i].Field, Step: short(p[i].Step.String()), Err: err}
}

// short keeps a step with a list of thousands from hiding the error behind it.
func short(text string) string {
	const most = 400
	if len(text) > most {
		text = text[:most] + " ..."
	}
	return text
}

func panicText(r any) string {
	switch v := r.(type) {
	case error:
		return v.Error()
	case string:
		return v
	case int:
		return strconv.Itoa(v)
	}
	return "of an unknown kind"
}
