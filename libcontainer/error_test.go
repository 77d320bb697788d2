package libcontainer

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/cgroupv2"
	"github.com/mdrun/mdrun/libcontainer/compile"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/libcontainer/spawn"
	"github.com/mdrun/mdrun/libcontainer/step"
)

// Every part of the program has errors of its own; a person gets one shape, with all
// that the part knew.
func TestErrorsHaveOneShape(t *testing.T) {
	call := sys.Fail(unix.EROFS, "mkdirat", `"dev"`, "0755")
	setting := cgroupv2.Setting{File: "pids.max", Value: "x", Field: ".linux.resources.pids.limit"}
	for name, c := range map[string]struct {
		err         error
		text        string
		field, hint string
		errno       syscall.Errno
	}{
		"a call of a step": {&step.Failure{Field: ".mounts[1]", Step: "mount tmpfs on /dev", Err: call},
			`create web: .mounts[1]: mount tmpfs on /dev: mkdirat("dev", 0755): read-only file system`, ".mounts[1]", "The filesystem is read-only here", unix.EROFS},
		"a sentence of a step": {&step.Failure{Field: ".process.args[0]", Step: "find the program", Err: &step.Problem{Text: `exec: "x": permission denied`, Hint: "Its mode lacks x."}},
			`create web: .process.args[0]: exec: "x": permission denied`, ".process.args[0]", "Its mode lacks x.", 0},
		"the kernel's sentence": {&step.Failure{Field: ".mounts[1]", Step: "mount", Err: &sys.Error{Call: "fsconfig(size=banana)", Errno: unix.EINVAL, Kernel: "tmpfs: Bad value for 'size'"}},
			`create web: .mounts[1]: mount: tmpfs: Bad value for 'size' (fsconfig(size=banana): invalid argument)`, ".mounts[1]", "Give a number of bytes, with k, m or g behind it if you like, or a part of the memory, such as 50%.", unix.EINVAL},
		"compile":         {&compile.Error{Field: ".mounts[0].destination", Text: "no", Hint: "Do."}, "create web: .mounts[0].destination: no", ".mounts[0].destination", "Do.", 0},
		"a value":         {&cgroupv2.ValueError{Field: ".linux.cgroupsPath", Text: "no", Hint: "Do."}, "create web: .linux.cgroupsPath: no", ".linux.cgroupsPath", "Do.", 0},
		"a cgroup file":   {&cgroupv2.ApplyError{Setting: setting, Path: "/web", Err: unix.EINVAL, Hint: "Do."}, `create web: .linux.resources.pids.limit: write(/web/pids.max, "x"): invalid argument`, setting.Field, "Do.", unix.EINVAL},
		"a host":          {&cgroupv2.HostError{Text: "no cgroup v2", Hint: "Boot."}, "create web: no cgroup v2", "", "Boot.", 0},
		"a cgroup call":   {&cgroupv2.CallError{Call: "mkdir(/x)", Err: unix.EACCES, Hint: "Do."}, "create web: mkdir(/x): permission denied", "", "Do.", unix.EACCES},
		"refused":         {&spawn.Refused{Field: ".linux.namespaces[1]", Text: "no", Hint: "Do."}, "create web: .linux.namespaces[1]: no", ".linux.namespaces[1]", "Do.", 0},
		"a join":          {&spawn.JoinError{Field: ".linux.namespaces[1].path", Err: sys.Fail(unix.EINVAL, "setns", "x")}, "create web: .linux.namespaces[1].path: setns(x): invalid argument", ".linux.namespaces[1].path", "another type", unix.EINVAL},
		"a state":         {&stateError{text: "no", hint: "Do."}, "create web: no", "", "Do.", 0},
		"a plain call":    {call, `create web: mkdirat("dev", 0755): read-only file system`, "", "", unix.EROFS},
		"wrapped":         {fmt.Errorf("wrapped: %w", &stateError{text: "no", hint: "Do."}), "create web: wrapped: no", "", "Do.", 0},
		"already in form": {&Error{Field: ".x", Err: errors.New("no"), Hint: "Do."}, "create web: .x: no", ".x", "Do.", 0},
	} {
		err := fail("create", "web", c.err)
		var e *Error
		if !errors.As(err, &e) || e.Error() != c.text || e.Field != c.field || !strings.Contains(e.Hint, c.hint) || c.hint == "" != (e.Hint == "") || e.Errno() != c.errno {
			t.Errorf("%s:\n%v (field %q, hint %q, errno %d)\nwant\n%s", name, err, e.Field, e.Hint, e.Errno(), c.text)
		}
		if fail("delete", "other", err) != err || e.Op != "create" {
			t.Errorf("%s: the first verb and container do not stay", name)
		}
	}
	if fail("create", "web", nil) != nil {
		t.Error("no error became one")
	}
}

// A hint is a sentence, and the table gives it for its call alone.
func TestHints(t *testing.T) {
	sentence := regexp.MustCompile(`^[A-Z].*\.$`)
	for i, h := range hints {
		if !sentence.MatchString(h.text) {
			t.Errorf("%q is no sentence", h.text)
		}
		for _, earlier := range hints[:i] {
			if earlier.errno == h.errno && strings.HasPrefix(h.call, earlier.call) {
				t.Errorf("the hint for %s %v is never given", h.call, h.errno)
			}
		}
		call := h.call
		if call == "" {
			call = "anything"
		}
		if got := hint(&Error{Step: "x", Err: sys.Fail(h.errno, call, "x")}); got != h.text {
			t.Errorf("%s %v: %q", h.call, h.errno, got)
		}
	}
	for _, err := range []error{errors.New("clone3"), sys.Fail(unix.EXFULL, "clone3"), sys.Fail(unix.EPERM, "clone"), unix.ENOSPC} {
		if got := hint(&Error{Err: err}); got != "" {
			t.Errorf("%v: %q", err, got)
		}
	}
}

func TestAFailureSurvivesTheTripFromTheChild(t *testing.T) {
	for _, want := range []*step.Failure{
		{Index: 3, Field: ".mounts[1]", Step: "mount", Err: &sys.Error{Call: "a(b)", Errno: unix.EINVAL, Kernel: "k"}},
		{Field: ".process.args[0]", Err: &step.Problem{Text: "t\n", Hint: "h"}},
	} {
		got := step.DecodeFailure(step.EncodeFailure(want))
		if got.Error() != want.Error() || got.Field != want.Field || got.Step != want.Step || got.Index != want.Index {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	for _, broken := range [][]byte{nil, {0}, {255, 255, 255, 255}, []byte("garbage garbage garbage")} {
		if got := step.DecodeFailure(broken); got.Err == nil || got.Error() == "" {
			t.Errorf("%q: %+v", broken, got)
		}
	}
}
