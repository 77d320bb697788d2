package step

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fifoName lies in the folder that a test inside is given.
const fifoName = "exec.fifo"

// outer is the folder of the FIFO, which newWorld covers.
var outer int

// withFifo makes the world of a test whose plan waits for start.
func withFifo(t *testing.T) *world {
	t.Helper()
	fifo, err := unix.Open(filepath.Join(os.Getenv(insideVar), fifoName), unix.O_PATH|unix.O_CLOEXEC, 0)
	must(t, err)
	outer, err = unix.Open(os.Getenv(insideVar), unix.O_PATH|unix.O_CLOEXEC, 0)
	must(t, err)
	w := newWorld(t)
	w.env.Fifo = fifo
	return w
}

// starter is the other side of such a test: it starts the test inside, and the program.
type starter struct {
	*testing.T
	cmd    *exec.Cmd
	fifo   string
	uid    int // the program's user
	stdin  io.WriteCloser
	output chan string
}

func newStarter(t *testing.T, uid int) *starter {
	t.Helper()
	s := &starter{T: t, uid: uid, cmd: again(t), output: make(chan string, 1)}
	dir, _ := strings.CutPrefix(s.cmd.Env[0], insideVar+"=")
	s.fifo = filepath.Join(dir, fifoName)
	must(t, unix.Mkfifo(s.fifo, 0o600))
	must(t, os.Chmod(s.fifo, 0o666)) // the mapped root is somebody else
	if os.Getuid() == 0 {
		must(t, os.Chown(s.fifo, s.uid, -1)) // as create does
	}
	out, in, err := os.Pipe()
	must(t, err)
	s.cmd.Stdout, s.cmd.Stderr = in, in
	s.stdin, err = s.cmd.StdinPipe()
	must(t, err)
	err = s.cmd.Start()
	in.Close()
	if err != nil {
		finished(t, "", err)
		t.FailNow()
	}
	go func() {
		text, _ := io.ReadAll(out)
		s.output <- string(text)
	}()
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() })
	return s
}

// open waits until somebody opens the FIFO for writing, and gives it.
func (s *starter) open() *os.File {
	s.Helper()
	opened := make(chan *os.File, 1)
	go func() {
		f, _ := os.OpenFile(s.fifo, os.O_RDONLY, 0)
		opened <- f
	}()
	select {
	case f := <-opened:
		return f
	case text := <-s.output:
		s.Fatalf("nobody waits for start:\n%s", text)
	case <-time.After(30 * time.Second):
		s.Fatal("nobody waits for start")
	}
	return nil
}

// said is what comes out of the FIFO until its end.
func (s *starter) said(f *os.File) string {
	s.Helper()
	defer f.Close()
	must(s.T, f.SetReadDeadline(time.Now().Add(30*time.Second)))
	text, err := io.ReadAll(f)
	must(s.T, err)
	return string(text)
}

// end lets the program end and gives all that it wrote.
func (s *starter) end() string {
	s.Helper()
	must(s.T, s.stdin.Close())
	text := <-s.output
	if err := s.cmd.Wait(); err != nil {
		s.Errorf("%v\n%s", err, text)
	}
	return text
}

func TestStepExecuteBecomesTheProgram(t *testing.T) {
	if os.Getenv(insideVar) != "" {
		becomeTheProgram(t)
		return
	}
	s := newStarter(t, 7)
	// The byte, and the end of file once execve has closed the other end; the program is
	// still there.
	if got := s.said(s.open()); got != string(rune(Started)) {
		t.Errorf("start was told %q", got)
	}
	var got reported
	text := s.end()
	if _, after, ok := strings.Cut(text, "{"); !ok || json.Unmarshal([]byte("{"+after), &got) != nil {
		t.Fatalf("no report in:\n%s", text)
	}
	want := reported{Args: []string{"report", "-v"}, Env: []string{reportVar + "=1", "HOME=/srv/web"}, Cwd: "/srv", Host: "inside", UID: 0, Umask: 0o27,
		NoNewPrivs: 1, Root: []string{"bin", "dev", "etc", "proc", "srv", "sys", "tmp"}, Permitted: 1 << 5}
	if os.Getuid() == 0 {
		want.UID, want.GID = 7, 8
	}
	want.Nofile.Max, got.Nofile.Cur = 200, 0 // a Go program raises the soft limit
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if string(a) != string(b) {
		t.Errorf("the program is\n%s, want\n%s", a, b)
	}
}

func becomeTheProgram(t *testing.T) {
	inside(t)
	w := withFifo(t)
	program, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	w.write("bin/report", string(program), 0o755)
	w.write("etc/passwd", "web:x:0:8::/srv/web:\nweb:x:7:8::/srv/web:\n", 0o644)
	must(t, unix.Dup3(0, 50, 0)) // is not the program's
	user := &User{NoSetgroups: true}
	if w.allIDs {
		user = &User{UID: 7, GID: 8}
	}
	const setuid, setgid = 1 << 7, 1 << 6
	var plan Plan
	for _, s := range []Step{&PivotRoot{}, &Hostname{Name: "inside"}, &Umask{Mask: 0o27},
		&Environment{Args: []string{"report", "-v"}, Env: []string{reportVar + "=1"}, Home: true, UID: user.UID}, &Cwd{Path: "/srv"},
		&Bounding{Keep: 1<<5 | setuid | setgid, Last: lastCap(t)}, &Rlimit{Name: "RLIMIT_NOFILE", Resource: unix.RLIMIT_NOFILE, Soft: 100, Hard: 200}, user, &Cwd{Path: "/srv", AsUser: true},
		&Capabilities{Permitted: 1 << 5, Effective: 1 << 5, Inheritable: 1 << 5, Ambient: 1 << 5, Last: lastCap(t)}, &NoNewPrivileges{},
		&FindProgram{Name: "report", Path: "/sbin:/bin"}, &CloseFiles{First: 3}, &ResetSignals{}, &WaitStart{}, &Execute{}} {
		plan = append(plan, Entry{Step: s})
	}
	t.Fatal(plan.Apply(w.env))
}

// withReport is a container whose program reports what it is.
func withReport(t *testing.T) *world {
	t.Helper()
	inside(t)
	w := withFifo(t)
	program, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	w.write("bin/report", string(program), 0o755)
	w.pivot()
	w.executes(Program{Path: "/bin/report", Args: []string{"report"}, Env: []string{reportVar + "=1"}})
	return w
}

// A start that is killed before it could hear the byte leaves a container that can be
// started again.
func TestStepExecuteWaitsForTheNextStart(t *testing.T) {
	if os.Getenv(insideVar) != "" {
		w := withReport(t)
		w.apply(&WaitStart{}, &played{name: "tell that it waited", do: func() error { return unix.Mkdirat(outer, "waited", 0o755) }}, &played{name: "wait until start is dead", do: func() error {
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(w.env.kept.started)}}, -1); err != nil { // POLLERR
				return err
			}
			return unix.Mkdirat(outer, "noticed", 0o755)
		}})
		t.Fatal((&Execute{}).Apply(w.env))
	}
	s := newStarter(t, 0)
	killed := s.open()
	s.appears("waited")
	killed.Close()
	s.appears("noticed")
	if got := s.said(s.open()); got != string(rune(Started)) {
		t.Errorf("the second start was told %q", got)
	}
	if text := s.end(); !strings.Contains(text, `"Args":["report"]`) {
		t.Errorf("the program did not run:\n%s", text)
	}
}

// The answer is said once, and the wait for another start is over with it.
func TestStepAnswerStart(t *testing.T) {
	if os.Getenv(insideVar) != "" {
		w := withReport(t)
		w.apply(&WaitStart{}, &AnswerStart{}, &played{name: "tell that it has answered", do: func() error { return unix.Mkdirat(outer, "answered", 0o755) }},
			&Rlimit{Name: "RLIMIT_NOFILE", Resource: unix.RLIMIT_NOFILE, Soft: 0, Hard: 200})
		t.Fatal((&Execute{}).Apply(w.env))
	}
	s := newStarter(t, 0)
	f := s.open()
	s.appears("answered")
	if got := s.said(f); got != string(rune(Started)) {
		t.Errorf("start was told %q", got)
	}
	if text := s.end(); !strings.Contains(text, `"Args":["report"]`) {
		t.Errorf("the program did not run:\n%s", text)
	}
}

// executes is what FindProgram leaves.
func (w *world) executes(p Program) {
	w.Helper()
	v, err := vectorsOf(p)
	must(w.T, err)
	w.env.Exec, w.env.kept.vectors = p, v
}

// appears waits for what the test inside makes in the folder of the FIFO.
func (s *starter) appears(name string) {
	s.Helper()
	for range 3000 {
		if _, err := os.Stat(filepath.Join(filepath.Dir(s.fifo), name)); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatalf("%s: still waiting", name)
}

func TestStepExecuteTellsStartWhyNot(t *testing.T) {
	if os.Getenv(insideVar) != "" {
		inside(t)
		w := withFifo(t)
		w.write("bin/script", "#!/bin/bash\n", 0o755)
		w.pivot()
		w.executes(Program{Path: "/bin/script", Args: []string{"script"}})
		err := Plan{{Step: &WaitStart{}}, {Field: ".process.args", Step: &Execute{}}}.Apply(w.env)
		var p *Problem
		if !errors.As(err, &p) || !strings.Contains(p.Text, "exec /bin/script: no such file or directory") || !strings.Contains(p.Hint, "its interpreter /bin/bash") {
			t.Errorf("%v", err)
		}
		unix.Close(w.env.kept.started)
		return
	}
	s := newStarter(t, 0)
	got := s.said(s.open())
	if len(got) == 0 || got[0] != Started {
		t.Fatalf("start was told %q", got)
	}
	f := DecodeFailure([]byte(got[1:]))
	if want := ".process.args: execute the program: exec /bin/script: no such file or directory"; f.Error() != want {
		t.Errorf("%q, want %q", f, want)
	}
	finished(t, s.end(), nil)
}

// A container that is not committed never waits for a start.
func TestWaitStartGivesUpWithItsHost(t *testing.T) {
	if err := (&WaitStart{}).Apply(&Env{Fifo: -1, Host: refusing{}}); err != errRefused {
		t.Error(err)
	}
}

type refusing struct{ *world }

var errRefused error = &Problem{Text: "the host is gone"}

func (refusing) Ready() error { return errRefused }

func TestVectorsRefuseNUL(t *testing.T) {
	for _, p := range []Program{{Path: "a\x00"}, {Path: "a", Args: []string{"b", "\x00"}}, {Path: "a", Env: []string{"A=\x00"}}} {
		if _, err := vectorsOf(p); err == nil {
			t.Errorf("%q was taken", p)
		}
	}
	v, err := vectorsOf(Program{Path: "a", Args: []string{"b", "c"}, Env: []string{"A=1"}})
	if err != nil || len(v.argv) != 3 || v.argv[2] != nil || len(v.envp) != 2 || !slices.Equal(v.envp[1:], []*byte{nil}) {
		t.Errorf("%v, %v", v, err)
	}
}
