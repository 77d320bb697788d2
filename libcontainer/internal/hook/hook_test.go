package hook

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// shell is a hook that is a line for the shell.
func shell(line string) *Program {
	return &Program{Kind: "createRuntime", Index: 2, Path: "/bin/sh", Args: []string{"sh", "-c", line}, Env: []string{"PATH=/usr/bin:/bin"}}
}

// run runs it to its end and gives what went wrong.
func run(t *testing.T, p *Program) *Failure {
	t.Helper()
	running, err := p.Start(Place{Dir: "/", File: -1})
	if err == nil {
		err = running.Wait(-1)
	}
	var f *Failure
	if err != nil && !errors.As(err, &f) {
		t.Fatal(err)
	}
	return f
}

func TestAHookThatSucceeds(t *testing.T) {
	if f := run(t, shell("echo something")); f != nil {
		t.Error(f)
	}
}

func TestTheFailureOfAHookSaysAllThatIsKnown(t *testing.T) {
	for line, want := range map[string]string{
		"exit 7":                     "exit status 7",
		"kill -TERM $$":              "killed by SIGTERM",
		"echo a; echo b >&2; exit 1": "exit status 1: a | b",
		`printf ' x\ty\033[2J \r\n\n\n\n z'; exit 1`:                                        "exit status 1: x y[2J | z",
		"for i in 1 2 3 4 5 6 7; do echo $i; done; exit 1":                                  "exit status 1: 3 | 4 | 5 | 6 | 7",
		"i=0; while [ $i -lt 30000 ]; do i=$((i+1)); echo; done; echo; echo end; exit 1":    "exit status 1: end",
		"head -c 300000 /dev/zero | tr '\\000' x; echo; echo the very end; sleep 0; exit 1": "| the very end",
	} {
		f := run(t, shell(line))
		if f == nil {
			t.Errorf("%s: no failure", line)
			continue
		}
		text := strings.Replace(f.Error(), " after "+f.After, "", 1)
		if !strings.HasPrefix(text, "createRuntime hook /bin/sh: ") || !strings.HasSuffix(text, want) || f.Field() != ".hooks.createRuntime[2]" {
			t.Errorf("%s: %q at %s, want %q", line, text, f.Field(), want)
		}
		if len(text) > keptBytes+100 {
			t.Errorf("%s: %d bytes", line, len(text))
		}
		if strings.Contains(f.Short(), f.Said) && f.Said != "" {
			t.Errorf("%s: what the hook says is in %q", line, f.Short())
		}
	}
}

func TestAHookIsGivenTheStateAndNeedNotReadIt(t *testing.T) {
	p := shell("test $(wc -c) = 300000")
	p.State = []byte(strings.Repeat("x", 300000))
	if f := run(t, p); f != nil {
		t.Error(f)
	}
	p.Args = []string{"sh", "-c", "exec 0<&-"}
	if f := run(t, p); f != nil {
		t.Error(f)
	}
}

// The time is up although a process in the background holds the output, and that is
// killed too.
func TestTheTimeOfAHookIsUpWithAllOfItsGroup(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	p := shell("sleep 1000 & echo $! >>" + pids + "; sleep 1000 & echo $! >>" + pids + "; echo begun; wait")
	p.Timeout = 1
	began := time.Now()
	f := run(t, p)
	if took := time.Since(began); took < time.Second || took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	if f == nil || f.What != "timed out" || f.Said != "begun" || !strings.Contains(f.Hint, "Its .timeout is 1 s") {
		t.Errorf("%+v", f)
	}
	gone(t, pids)
}

// What has left the group is not followed, and the hint does not claim so: nothing tells
// it from what a hook leaves behind on purpose.
func TestTheTimeOfAHookIsUpWithoutThatWhichLeftItsGroup(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	p := shell("setsid sleep 1000 & echo $! >" + pids + "; wait")
	p.Timeout = 1
	began := time.Now()
	f := run(t, p)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	if f == nil || f.Hint != "Its .timeout is 1 s: it was killed with its process group." {
		t.Errorf("%+v", f)
	}
	endLeftBehind(t, pids)
}

// endLeftBehind ends a process, whose number a file holds, that must still live.
func endLeftBehind(t *testing.T, file string) {
	t.Helper()
	data, _ := os.ReadFile(file)
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Errorf("kill(%d): %v", pid, err)
	}
}

// gone waits for processes, whose numbers a file holds, to be gone or dead.
func gone(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil || len(data) == 0 {
		t.Fatalf("%q, %v", data, err)
	}
	for _, pid := range strings.Fields(string(data)) {
		for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
			stat, err := os.ReadFile("/proc/" + pid + "/stat")
			if err != nil || strings.Contains(string(stat), ") Z ") {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("process %s still runs: %s", pid, stat)
			}
		}
	}
}

func TestWhatAFailedHookHasStartedIsKilled(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	if f := run(t, shell("sleep 1000 & echo $! >"+pids+"; exit 1")); f == nil || f.What != "exit status 1" {
		t.Error(f)
	}
	gone(t, pids)
}

// What a hook leaves behind on purpose lives, and holds nobody.
func TestWhatASuccessfulHookHasStartedLives(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	began := time.Now()
	if f := run(t, shell("(while :; do echo again; sleep 0.001; done) & echo $! >"+pids)); f != nil {
		t.Error(f)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	endLeftBehind(t, pids)
}

func TestAHookLeadsASessionOfItsOwn(t *testing.T) {
	if f := run(t, shell(`test "$(ps -o sid= -p $$)" -eq $$ && test "$(ps -o pgid= -p $$)" -eq $$`)); f != nil {
		t.Error(f)
	}
}

func TestAHookIsKilledWhenNobodyWaits(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	pids := filepath.Join(t.TempDir(), "pids")
	running, err := shell("echo $$ >" + pids + "; sleep 1000").Start(Place{Dir: "/", File: -1})
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { unix.Close(pair[1]) })
	if err := running.Wait(pair[0]); err != ErrDeserted {
		t.Error(err)
	}
	gone(t, pids)
}

func TestWhyAHookCannotBeExecuted(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"script": 0o755, "closed": 0o644, "text": 0o755} {
		text := map[string]string{"script": "#!/no/such/shell\n", "closed": "#!/bin/sh\n", "text": "echo\n"}[name]
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string][2]string{
		dir + "/none":   {"no such file or directory", "There is no such file on the host"},
		dir + "/script": {"no such file or directory", "the interpreter in its first line"},
		dir + "/closed": {"permission denied", "Its mode 0644 lacks x: chmod +x " + dir + "/closed."},
		dir + "/text":   {"exec format error", `a script begins with "#!"`},
		dir:             {"permission denied", "is a directory"},
	} {
		f := run(t, &Program{Kind: "prestart", Path: path})
		if f == nil || !strings.Contains(f.Error(), `prestart hook `+path+`: execve("`+path+`"): `+want[0]) || !strings.Contains(f.Hint, want[1]) {
			t.Errorf("%s: %+v", path, f)
		}
		if strings.Contains(f.Short(), want[0]) {
			t.Errorf("%s: a sentence of the kernel's in %q", path, f.Short())
		}
	}
	if f := run(t, &Program{Kind: "startContainer", Path: "/no/such/file", Container: true}); !strings.Contains(f.Hint, "in the container") {
		t.Error(f.Hint)
	}
}

// What is still in the pipe when the hook has ended is read, but nobody is waited for.
func TestTheRestOfTheOutput(t *testing.T) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[0])
	if _, err := unix.Write(pipe[1], []byte(strings.Repeat("x\n", 30000)+"the end\n")); err != nil {
		t.Fatal(err)
	}
	var said tail
	said.rest(pipe[0])
	if got := said.String(); got != "x | x | x | x | the end" {
		t.Errorf("%q", got)
	}
	// A process that the hook left behind may fill the pipe for ever.
	endless, err := unix.Open("/dev/zero", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(endless)
	said.rest(endless)
}

func TestSpans(t *testing.T) {
	for ns, want := range map[int64]string{0: "0 ms", 999_999_999: "999 ms", 1_000_000_000: "1.0 s", 61_290_000_000: "61.2 s"} {
		if got := span(ns); got != want {
			t.Errorf("%d: %s, want %s", ns, got, want)
		}
	}
}

func TestTheTimeThatIsLeft(t *testing.T) {
	for _, c := range []struct {
		timeout     int
		ran         time.Duration
		least, most int
	}{{0, time.Hour, -1, -1}, {1, 0, 900, 1000}, {1, 2 * time.Second, 0, 0}, {1 << 62, time.Hour, 1 << 30, 1 << 30}, {10, 9 * time.Second, 900, 1000}} {
		p := &Process{Program: &Program{Timeout: c.timeout}, Began: Now() - int64(c.ran)}
		if got := p.left(); got < c.least || got > c.most {
			t.Errorf("timeout %d after %v: %d", c.timeout, c.ran, got)
		}
	}
}

// What hangs in the kernel outlives its kill. Here the group that is killed is another.
func TestWhatCannotBeKilledIsNotWaitedFor(t *testing.T) {
	before := patience
	patience = 50
	defer func() { patience = before }()
	gone := exec.Command("true")
	pidfd := -1
	lives := exec.Command("sleep", "1000")
	lives.SysProcAttr = &syscall.SysProcAttr{PidFD: &pidfd}
	if err := errors.Join(gone.Run(), lives.Start()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lives.Process.Kill(); _ = lives.Wait() }()
	p := &Process{Program: &Program{Kind: "prestart", Path: "/hangs", Timeout: 1}, PID: gone.Process.Pid, PidFD: pidfd, Output: -1, Began: Now() - 2e9}
	var failed *Failure
	if err := p.Wait(-1); !errors.As(err, &failed) || failed.What != "timed out, and cannot be killed" {
		t.Error(err)
	}
}
