package libcontainer

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/mdrun/mdrun/cgroupv2"
	"github.com/mdrun/mdrun/libcontainer/compile"
	"github.com/mdrun/mdrun/libcontainer/internal/hook"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/libcontainer/internal/wire"
	"github.com/mdrun/mdrun/libcontainer/spawn"
	"github.com/mdrun/mdrun/libcontainer/step"
	"github.com/mdrun/mdrun/spec"
)

// Error is a command on a container that did not succeed. It prints as one line:
// verb object: place: call(args): cause.
type Error struct {
	Op    string // the verb, "create"; empty until it is known
	ID    string // the container
	Step  string // the step of the plan in plain words, where one failed
	Field string // the place in config.json, as a jq path; may be empty
	Err   error  // the cause
	Hint  string // what to do about it, a sentence; may be empty
	// Misspelt are sentences about keys of config.json that were ignored, and may be the
	// cause.
	Misspelt []string
	// Status is what the command ends with; 0 stands for 1, the status of most errors.
	Status int
}

func (e *Error) Error() string {
	parts := []string{strings.TrimSpace(e.Op + " " + plainly(e.ID))}
	if e.Field != "" {
		parts = append(parts, e.Field)
	}
	// What a system call says needs the step to be understood; a sentence of
	// ours stands alone.
	var call *sys.Error
	if e.Step != "" && errors.As(e.Err, &call) {
		parts = append(parts, e.Step)
	}
	return strings.Join(append(parts, e.Err.Error()), ": ")
}

// plainly keeps what was given for an id on one line.
func plainly(id string) string {
	if strings.IndexFunc(id, func(c rune) bool { return c == utf8.RuneError || !strconv.IsPrint(c) }) >= 0 {
		return strconv.Quote(id)
	}
	return id
}

func (e *Error) Unwrap() error { return e.Err }

// Errno is the kernel's answer at the bottom of the error; 0 where there is none.
func (e *Error) Errno() syscall.Errno {
	var n syscall.Errno
	if errors.As(e.Err, &n) {
		return n
	}
	return 0
}

// Sentences that clients of runc match; see the table in docs/differences.md.
var (
	ErrNotExist   = errors.New("container does not exist")
	ErrExists     = errors.New("container with given ID already exists")
	ErrNotRunning = errors.New("container not running")
)

// fail puts what the parts of the program know about their failures into one
// shape.
func fail(op, id string, err error) error {
	if err == nil {
		return nil
	}
	var done *Error
	if errors.As(err, &done) {
		if done.Op == "" {
			done.Op, done.ID = op, id
		}
		return err
	}
	e := &Error{Op: op, ID: id, Err: err}
	describe(e, err)
	if e.Hint == "" {
		e.Hint = hint(e)
	}
	return e
}

// misspelt adds the keys that may be the cause of an error.
func misspelt(err error, odd []spec.Problem) error {
	keys := spec.Misspelt(odd)
	if len(keys) == 0 {
		return err
	}
	err = fail("", "", err) // the verb is added by whoever knows it
	var e *Error
	if errors.As(err, &e) {
		e.Misspelt = keys
	}
	return err
}

// describe takes field, step and hint from the error that has them.
func describe(e *Error, err error) {
	var (
		failure  *step.Failure
		problem  *step.Problem
		compiled *compile.Error
		value    *cgroupv2.ValueError
		apply    *cgroupv2.ApplyError
		refused  *spawn.Refused
		joined   *spawn.JoinError
		state    *stateError
		host     *cgroupv2.HostError
		call     *cgroupv2.CallError
		hooked   *hook.Failure
	)
	if errors.As(err, &failure) {
		e.Field, e.Step, e.Err = failure.Field, failure.Step, failure.Err
	}
	switch {
	case errors.As(err, &problem):
		e.Hint = problem.Hint
	case errors.As(err, &compiled):
		e.Field, e.Hint, e.Err = compiled.Field, compiled.Hint, errors.New(compiled.Text)
	case errors.As(err, &value):
		e.Field, e.Hint, e.Err = value.Field, value.Hint, errors.New(value.Text)
	case errors.As(err, &apply):
		e.Field, e.Hint = apply.Setting.Field, apply.Hint
	case errors.As(err, &refused):
		e.Field, e.Hint = refused.Field, refused.Hint
	case errors.As(err, &joined):
		e.Field = joined.Field
	case errors.As(err, &state):
		e.Hint = state.hint
	case errors.As(err, &host):
		e.Hint = host.Hint
	case errors.As(err, &hooked):
		e.Field, e.Hint = hooked.Field(), hooked.Hint
	case errors.As(err, &call):
		e.Hint = call.Hint
	}
}

// wrapped says what was done when an error came.
type wrapped struct {
	what string
	err  error
}

func (e wrapped) Error() string { return e.what + e.err.Error() }
func (e wrapped) Unwrap() error { return e.err }

// both is an error and another that came of it, or while cleaning up after it.
type both struct{ err, also error }

func (e both) Error() string   { return e.err.Error() + "; " + e.also.Error() }
func (e both) Unwrap() []error { return []error{e.err, e.also} }

// joinErrors puts two errors on one line; either may be nil.
func joinErrors(err, also error) error {
	switch {
	case also == nil:
		return err
	case err == nil:
		return also
	}
	return both{err, also}
}

// stateError is a container in the wrong state for a verb, or a damaged record.
type stateError struct {
	text, hint string
	cause      error // may be nil
}

func (e *stateError) Error() string { return e.text }
func (e *stateError) Unwrap() error { return e.cause }

// childDied tells whether the channel to the child broke.
func childDied(err error) bool { return errors.Is(err, wire.ErrClosed) }
