package script

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// terminalCommand is `terminal DIALOG COMMAND`: runs a line of the shell on a terminal
// of its own, as a person would, and follows the file DIALOG, in which each line is one
// of
//
//	expect REGEXP      wait until it is shown, behind what was expected before
//	type TEXT          press keys; \r is return, \x03 is Ctrl-C
//	until REGEXP TEXT  press keys again and again until that is shown: where nothing
//	                   tells when they will be read
//	resize ROWS COLUMNS
//	signal NAME        to the command
//	sh LINE            a line for the shell, elsewhere
//	hangup             the person closes the window
//
// At the end the modes of the terminal must be what they were. All that was shown is
// the output.
func terminalCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: terminal DIALOG COMMAND")
	}
	t, err := newTerminal()
	ts.Check(err)
	defer t.close()
	before, err := unix.IoctlGetTermios(int(t.slave.Fd()), unix.TCGETS)
	ts.Check(err)
	cmd := exec.Command("/bin/sh", "-c", args[1])
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "STATE="+ts.Getenv("STATE"), "ID="+ts.Getenv("ID"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = t.slave, t.slave, t.slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	ts.Check(cmd.Start())
	go t.watch()
	late := time.AfterFunc(2*patience, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		if why := t.follow(cmd, strings.TrimSpace(line)); why != "" {
			_ = cmd.Process.Kill()
			ts.Fatalf("%s: %s; the terminal shows %q", strings.TrimSpace(line), why, t.text())
		}
	}
	_ = cmd.Wait()
	after, err := unix.IoctlGetTermios(int(t.slave.Fd()), unix.TCGETS)
	if !t.hungUp {
		ts.Check(err)
		if *after != *before {
			ts.Fatalf("the modes of the terminal were %+v and are %+v", *before, *after)
		}
	}
	// What is still on its way comes before the end of the file.
	t.slave.Close()
	select {
	case <-t.end:
	case <-time.After(patience):
		ts.Fatalf("something holds the terminal")
	}
	fmt.Fprintf(ts.Stdout(), "%s\nexit status %d\n", t.text(), cmd.ProcessState.ExitCode())
}

// terminal is the two ends of one, and what was shown on it.
type terminal struct {
	master, slave *os.File
	hungUp        bool
	end           chan struct{} // closed when nothing more can be shown

	mu    sync.Mutex
	shown []byte
	seen  int // up to here it was expected
}

func newTerminal() (*terminal, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	var n int
	err = control(master, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
			n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	return &terminal{master: master, slave: slave, end: make(chan struct{})}, err
}

// control keeps the file in the poller, so that closing it ends a read.
func control(f *os.File, do func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	err2 := conn.Control(func(fd uintptr) { err = do(int(fd)) })
	if err == nil {
		err = err2
	}
	return err
}

func (t *terminal) close() {
	t.slave.Close()
	t.master.Close()
}

// watch collects what is shown.
func (t *terminal) watch() {
	defer close(t.end)
	in := bufio.NewReader(t.master)
	for {
		b, err := in.ReadByte()
		if err != nil {
			return
		}
		t.mu.Lock()
		t.shown = append(t.shown, b)
		t.mu.Unlock()
	}
}

func (t *terminal) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ReplaceAll(string(t.shown), "\r\n", "\n")
}

// follow does one line of a dialog; it says what went wrong.
func (t *terminal) follow(cmd *exec.Cmd, line string) string {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "":
	case "expect":
		return t.expect(rest, func() {})
	case "type":
		return said(t.press(rest))
	case "until":
		pattern, text, _ := strings.Cut(rest, " ")
		last := time.Now()
		return t.expect(pattern, func() {
			if time.Since(last) > 200*time.Millisecond {
				last = time.Now()
				_ = t.press(text)
			}
		})
	case "resize":
		var size unix.Winsize
		if _, err := fmt.Sscan(rest, &size.Row, &size.Col); err != nil {
			return err.Error()
		}
		return said(control(t.master, func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &size) }))
	case "signal":
		return said(cmd.Process.Signal(unix.SignalNum("SIG" + rest)))
	case "sh":
		elsewhere := exec.Command("/bin/sh", "-c", rest)
		elsewhere.Dir, elsewhere.Env = cmd.Dir, cmd.Env
		out, err := elsewhere.CombinedOutput()
		return strings.TrimSpace(string(out) + " " + said(err))
	case "hangup":
		t.hungUp = true
		return said(t.master.Close())
	default:
		return "no such line"
	}
	return ""
}

func said(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

func (t *terminal) press(keys string) error {
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(keys, `"`, `\"`) + `"`)
	if err == nil {
		_, err = t.master.WriteString(text)
	}
	return err
}

// expect waits; meanwhile it does something again and again.
func (t *terminal) expect(pattern string, meanwhile func()) string {
	re, err := regexp.Compile("(?m)" + pattern)
	if err != nil {
		return err.Error()
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		t.mu.Lock()
		at := re.FindIndex(t.shown[t.seen:])
		if at != nil {
			t.seen += at[1]
		}
		t.mu.Unlock()
		if at != nil {
			return ""
		}
		meanwhile()
	}
	return "is not shown"
}
