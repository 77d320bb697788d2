package step

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

func TestAFailureArrivesAsItWas(t *testing.T) {
	call := &sys.Error{Call: "mount(tmpfs)", Errno: syscall.EINVAL, Kernel: "tmpfs: Bad value for 'size'", Hint: "Give a number."}
	problem := &Problem{Text: "the root is no folder", Hint: "Make it one."}
	for name, sent := range map[string]error{
		"of a system call":     &Failure{Index: 7, Field: ".mounts[3]", Step: "mount tmpfs on /dev", Err: call},
		"of another kind":      &Failure{Index: 1, Field: ".root", Step: "take it", Err: problem},
		"without a field":      &Failure{Step: "begin a session", Err: call},
		"without a step":       call,
		"a problem by itself":  problem,
		"wrapped":              fmt.Errorf("child: %w", &Failure{Index: 2, Step: "x", Err: fmt.Errorf("y: %w", call)}),
		"of an unknown kind":   &Failure{Index: -1, Field: "\x00", Step: "x", Err: errors.New("plan: message ends")},
		"without an errno":     &sys.Error{Call: "x()"},
		"an errno and no more": syscall.ENOENT,
	} {
		got := DecodeFailure(EncodeFailure(sent))
		var want *Failure
		if !errors.As(sent, &want) {
			want = &Failure{Err: sent}
		}
		if got.Index != want.Index || got.Field != want.Field || got.Step != want.Step || innermost(got.Err) != innermost(want.Err) {
			t.Errorf("%s: %#v became %#v", name, want, got)
		}
		var p, q *Problem
		if errors.As(want.Err, &p) && (!errors.As(got.Err, &q) || *p != *q) {
			t.Errorf("%s: %#v became %#v", name, p, q)
		}
		var a, b *sys.Error
		if errors.As(want.Err, &a) && (!errors.As(got.Err, &b) || *a != *b || !errors.Is(got, a.Errno)) {
			t.Errorf("%s: %#v became %#v", name, a, b)
		}
	}
}

// innermost is the text of the error that knows the cause.
func innermost(err error) string {
	var call *sys.Error
	if errors.As(err, &call) {
		return call.Error()
	}
	return err.Error()
}

func TestAFailureThatIsNoneSaysSo(t *testing.T) {
	for _, b := range [][]byte{nil, {1}, []byte(strings.Repeat("\xff", 100))} {
		if f := DecodeFailure(b); !strings.Contains(f.Error(), "cannot be read") {
			t.Errorf("%x: %v", b, f)
		}
	}
}

func FuzzDecodeFailure(f *testing.F) {
	f.Add(EncodeFailure(&Failure{Index: 7, Field: ".mounts[3]", Step: "mount", Err: &sys.Error{Call: "mount(tmpfs)", Errno: syscall.EINVAL, Kernel: "tmpfs"}}))
	f.Add(EncodeFailure(&Problem{Text: "the root is no folder", Hint: "Make it one."}))
	f.Fuzz(func(t *testing.T, b []byte) {
		first := DecodeFailure(b)
		if text := first.Error(); text == "" {
			t.Error("an error without a text")
		}
		if second := DecodeFailure(EncodeFailure(first)); second.Error() != first.Error() {
			t.Errorf("%q became %q", first, second)
		}
	})
}

func TestAPlanStopsAtTheFirstFailure(t *testing.T) {
	ran := ""
	add := func(name string, err error) Entry {
		return Entry{Field: "." + name, Step: &played{name: name, do: func() error { ran += name; return err }}}
	}
	err := Plan{add("a", nil), add("b", syscall.EPERM), add("c", nil)}.Apply(&Env{})
	var f *Failure
	if !errors.As(err, &f) || f.Index != 1 || f.Field != ".b" || f.Step != "do b" || !errors.Is(err, syscall.EPERM) || ran != "ab" {
		t.Errorf("%v after %s", err, ran)
	}
	if want := ".b: do b: operation not permitted"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	if err := (Plan{add("a", nil)}).Apply(&Env{}); err != nil {
		t.Error(err)
	}
}

func TestAPanicIsTheFailureOfItsStep(t *testing.T) {
	for _, c := range []struct {
		do   func() error
		want string
	}{
		{func() error { panic("oh") }, "panic: oh"},
		{func() error { panic(errors.New("no")) }, "panic: no"},
		{func() error { panic(3) }, "panic: 3"},
		{func() error { panic(struct{}{}) }, "panic: of an unknown kind"},
		{func() error { var list []int; list[len(list)]++; return nil }, "panic: runtime error: index out of range"},
	} {
		err := Plan{{Step: &played{name: "a", do: func() error { return nil }}}, {Field: ".x", Step: &played{name: "b", do: c.do}}}.Apply(&Env{})
		var f *Failure
		var p *Problem
		if !errors.As(err, &f) || f.Index != 1 || f.Field != ".x" || !errors.As(err, &p) || !strings.HasPrefix(p.Text, c.want) || p.Hint == "" {
			t.Errorf("%v", err)
		}
	}
}

// played is a step that does what a test says.
type played struct {
	name string
	do   func() error
}

func (p *played) Apply(*Env) error { return p.do() }
func (p *played) String() string   { return "do " + p.name }
func (p *played) Fields(*Codec)    {}
