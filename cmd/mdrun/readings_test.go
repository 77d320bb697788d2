package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/mdrun/mdrun/cmd/mdrun/verb"
)

// A command line is read in two ways: by verb.Plain, if it is plain, and by the command
// line library. Whatever Plain takes, the library must read the same.
func same(t *testing.T, args []string) (plain bool) {
	t.Helper()
	want := verb.Plain(args)
	if want == nil {
		return false
	}
	var got *verb.Call
	status := run(append([]string{"mdrun"}, args...), func(c *verb.Call) int { got = c; return 0 })
	switch {
	case got == nil:
		t.Errorf("%q: plain, and an error with status %d", args, status)
	case show(got) != show(want):
		t.Errorf("%q: plain reads %s, main %s", args, show(want), show(got))
	}
	return true
}

// show prints a call with whatever fields it has; no list is an empty list.
func show(c *verb.Call) string {
	return strings.ReplaceAll(fmt.Sprintf("%#v", *c), "[]string(nil)", "[]string{}")
}

// words are what a command line may hold: every flag in every spelling, right and wrong,
// and arguments.
func words(flags []verb.Flag) []string {
	list := []string{"web", "", "-", "--", "-7", "a=b", "--frob", "-frob=1", "---root", "--=x", "-h", "--help", "-v", "--version", "help", "list", "=", "--root=", "-n5"}
	for i, f := range flags {
		for _, g := range flags[i:] {
			if f.Short != "" && g.Short != "" {
				list = append(list, "-"+f.Short+g.Short)
			}
		}
		names := []string{"--" + f.Name, "-" + f.Name}
		if f.Short != "" {
			names = append(names, "-"+f.Short, "--"+f.Short)
		}
		for _, n := range names {
			list = append(list, n, n+"=", n+"=5", n+"=x y")
		}
		if f.Number {
			for _, v := range []string{"-1", "+5", "05", "0x5", "1_0", "5.0", "99999999999999999999"} {
				list = append(list, "--"+f.Name+"="+v)
			}
		}
		if f.Value == "" {
			list = append(list, "--"+f.Name+"=true", "--"+f.Name+"=false", "--"+f.Name+"=1")
		}
	}
	return list
}

// right are spellings that mean something.
func right(flags []verb.Flag) (list []string) {
	list = []string{"web", "9"}
	for _, f := range flags {
		if f.Value == "" {
			list = append(list, "--"+f.Name, "-"+f.Name)
			continue
		}
		list = append(list, "--"+f.Name+"=3", "-"+f.Name+"=4", "--"+f.Name)
		if f.Short != "" {
			list = append(list, "-"+f.Short+"=7")
		}
	}
	return list
}

// pick takes nine right words out of ten.
func pick(random *rand.Rand, good, any []string) string {
	if random.IntN(10) == 0 {
		good = any
	}
	return good[random.IntN(len(good))]
}

func TestBothReadingsAgree(t *testing.T) {
	plain, all := 0, 0
	try := func(args ...string) {
		all++
		if same(t, args) {
			plain++
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	before := words(verb.Global())
	for _, v := range verb.All() {
		after := words(append(slices.Clone(v.Flags()), verb.Global()...))
		for _, a := range before {
			try(a, v.Name, "web")
			try(a, "x", v.Name, "web")
		}
		for _, a := range after {
			try(v.Name, a)
			try(v.Name, a, "web")
			try(v.Name, "web", a)
			try(v.Name, "web", a, "9")
		}
		good, goodBefore := right(v.Flags()), right(verb.Global())
		for range 500 {
			var args []string
			for range random.IntN(3) {
				args = append(args, pick(random, goodBefore, before))
			}
			args = append(args, v.Name)
			for range random.IntN(5) {
				args = append(args, pick(random, good, after))
			}
			try(args...)
		}
	}
	t.Logf("%d of %d command lines are plain", plain, all)
	if plain < 1500 {
		t.Error("too few to compare")
	}
}

// What clients send is plain, every flag of it: only that is worth the second reading.
func TestWhatClientsSendIsPlain(t *testing.T) {
	for _, line := range []string{
		"--root /run/x --log /b/log.json --log-format json create --bundle /b --pid-file /b/init.pid web",
		"--root /run/x --log /b/log.json --log-format json --systemd-cgroup create --bundle /b --pid-file /b/init.pid --console-socket /s web",
		"--root=/run/x --log-format=json --log=/l create --bundle /b --pid-file /p --no-new-keyring --no-pivot --preserve-fds 2 web",
		"--root=/run/x --systemd-cgroup --root=/run/x --systemd-cgroup start web",
		"--debug --root /run/x state web", "kill --all web 9", "kill web SIGTERM", "delete --force web", "delete web --force", "start web",
		"run --bundle /b --keep web", "run -b /b -d --no-subreaper web", "list --format=json", "list", "features", "--debug features",
		"run --rootfs r --hostname box --memory 256M --pids 64 --cpus 0.5 -it -v /a:/b:ro -v c:/d -e A=1,2 -e B= --tmpfs /tmp:size=1m,exec --net=none -- sh -c --x -- -y",
		"explain --rootfs r -u 1000:1000 -w /srv --cap-drop ALL --cap-add=NET_RAW --read-only -- sh", "spec --rootfs=r --name web --bundle b -- sh", "run -d --rootfs r web -- sh",
	} {
		if !same(t, strings.Fields(line)) {
			t.Errorf("not plain: %s", line)
		}
	}
}

// Some are left to main, because they are wrong or because they need it.
func TestOddCommandLinesAreNotPlain(t *testing.T) {
	for _, line := range []string{
		"", "--root", "--root /x", "frob", "--help", "-h", "--version", "-v", "help", "create", "create a b", "state a b", "list a", "create --help a",
		"create --bundle", "create --frob a", "create --no-pivot=false a", "create --preserve-fds x a", "create --preserve-fds +1 a", "create ---bundle /b a",
	} {
		if c := verb.Plain(strings.Fields(line)); c != nil {
			t.Errorf("plain: %q: %s %v %q", line, c.Verb.Name, c.Values, c.Args)
		}
	}
}

func FuzzBothReadingsAgree(f *testing.F) {
	f.Add("--root\x00/x\x00create\x00-b\x00/b\x00web")
	f.Add("kill\x00-a\x00web\x00--\x00-9")
	f.Add("run\x00-v=\xff")
	f.Add("run\x00--preserve-fds=3\x00-d\x00web\x00-x")
	f.Fuzz(func(t *testing.T, line string) { same(t, strings.Split(line, "\x00")) })
}

// The library alone reads what is not plain: it must not take values apart.
func TestValuesStayWhole(t *testing.T) {
	var got *verb.Call
	line := []string{"mdrun", "run", "--rootfs", "r", "-i=false", "-e", " A=1, 2 ", "-e", "", "--env=B", "-v", "a:/b:ro,noexec", "-v", "\xff:/c", "--", "sh", "--", "-e", "C=1"}
	if status := run(line, func(c *verb.Call) int { got = c; return 0 }); status != 0 || got == nil {
		t.Fatalf("status %d", status)
	}
	for _, c := range []struct {
		name      string
		got, want []string
	}{
		{"env", got.Values["env"], []string{" A=1, 2 ", "", "B"}}, {"volume", got.Values["volume"], []string{"a:/b:ro,noexec", "\xff:/c"}},
		{"interactive", got.Values["interactive"], []string{"false"}}, {"tail", got.Tail, []string{"sh", "--", "-e", "C=1"}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}
