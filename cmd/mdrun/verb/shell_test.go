package verb

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/mdrun/mdrun/libcontainer"
	"github.com/mdrun/mdrun/spec"
)

func TestEveryFlagForAShellMakesSomething(t *testing.T) {
	made, has := spec.FlagNames(), map[string]string{"name": "--name", "interactive": "-i"}
	maps.Copy(has, made)
	for _, f := range shellFlags {
		if has[f.Name] != shown(f.Name) {
			t.Errorf("--%s: shown as %q here and as %q in messages", f.Name, shown(f.Name), has[f.Name])
		}
		delete(has, f.Name)
	}
	if len(has) > 0 {
		t.Errorf("no flags: %v", has)
	}
}

func TestShellRefusesContradictions(t *testing.T) {
	const bundle = "--bundle and --rootfs contradict each other"
	for _, c := range []struct{ line, want string }{
		{"run --rootfs r -- sh", ""},
		{"run --rootfs r web -- sh -c x", ""},
		{"run --rootfs r --detach --keep -- sh", ""},
		{"run web", ""},
		{"run -- web", ""},
		{"run --bundle b web", ""},
		{"run --bundle b --rootfs r -- sh", "run: " + bundle},
		{"run -b b --rootfs r web", "run: " + bundle},
		{"run --bundle b --hostname h web", "run: --bundle and --hostname contradict each other"},
		{"run --bundle b -t web", "run: --bundle and -t contradict each other"},
		{"run --bundle b --name x", "run: --bundle and --name contradict each other"},
		{"run --memory 1g web", "run: --memory needs --rootfs"},
		{"run -v a:/b -- sh", "run: -v needs --rootfs"},
		{"run --bundle b web -- sh", "run: a command needs --rootfs"},
		{"run web -- sh", "run: a command needs --rootfs"},
		{"run -- web sh", "run: a command needs --rootfs"},
		{"run --rootfs r", "run: needs a command"},
		{"run --rootfs r --", "run: needs a command"},
		{"run --rootfs r sh", "run: the command must follow --"},
		{"spec", ""},
		{"spec --bundle b", ""},
		{"spec --bundle b --rootfs r -- sh", ""},
		{"spec --pids 5", "spec: --pids needs --rootfs"},
		{"spec --rootfs r", "spec: needs a command"},
		{"spec -- sh", "spec: a command needs --rootfs"},
		{"explain b", ""},
		{"explain -- b", ""},
		{"explain --rootfs r -- sh", ""},
		{"explain b -- sh", "explain: a command needs --rootfs"},
		{"explain --rootfs r b", "explain: the command must follow --"},
	} {
		call := Plain(strings.Fields(c.line))
		if call == nil {
			t.Errorf("%s: not plain", c.line)
			continue
		}
		_, err := call.shell()
		var a *Advice
		switch {
		case err == nil && c.want == "":
		case err == nil || err.Error() != c.want:
			t.Errorf("%s: %v, want %s", c.line, err, c.want)
		case !errors.As(err, &a) || a.Hint == "":
			t.Errorf("%s: no hint", c.line)
		}
	}
}

func TestMadeUpIDsAreIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id, err := makeID()
		if err != nil || spec.CheckID(id) != nil || len(id) != 8 || seen[id] {
			t.Fatalf("%q: %v, seen before: %t", id, err, seen[id])
		}
		seen[id] = true
	}
}

func TestATakenIDIsMadeUpAnew(t *testing.T) {
	ids, n := []string{"a", "a", "b"}, 0
	next := func() (string, error) { n++; return ids[min(n, len(ids))-1], nil }
	var ran string
	err := underNewID(next, func(id string) error {
		if id == "a" {
			return &libcontainer.Error{Op: "run", ID: id, Err: libcontainer.ErrExists}
		}
		ran += id
		return exitStatus(3)
	})
	if ran != "b" || err != exitStatus(3) {
		t.Errorf("ran %q: %v", ran, err)
	}
	n = 0
	ids = []string{"a"}
	err = underNewID(next, func(string) error { return libcontainer.ErrExists })
	if !errors.Is(err, libcontainer.ErrExists) || n != tries {
		t.Errorf("after %d tries: %v", n, err)
	}
}
