package script

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// dialogCommand is `dialog FILE ARGS...`: the runtime on a terminal of 31 lines and 95
// columns, and a person at it. Each line of FILE is typed ("> text", with ^C and ^Z for
// the keys) or waited for ("< REGEXP"); output that has been matched is not matched
// again. "= SECONDS" is a pause, where what has to happen cannot be seen. What was on the screen goes to stdout, and the exit status after it.
func dialogCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: dialog FILE ARGS...")
	}
	master, slave, err := openTerminal()
	ts.Check(err)
	defer master.Close()
	cmd := exec.Command(runtimePath, append([]string{"--root", ts.Getenv("STATE")}, args[1:]...)...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"XDG_RUNTIME_DIR=", "PATH=" + ts.Getenv("PATH")}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	ts.Check(cmd.Start())
	slave.Close()
	s := &screen{changed: make(chan struct{}, 1)}
	go s.read(master)
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		if err := s.turn(master, strings.TrimSuffix(line, "\n")); err != nil {
			_ = cmd.Process.Kill()
			ts.Fatalf("%v; on the screen:\n%s", err, s.text())
		}
	}
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait()
	late.Stop()
	_, _ = fmt.Fprintf(ts.Stdout(), "%s\nexit status %d\n", s.text(), cmd.ProcessState.ExitCode())
}

func openTerminal() (master, slave *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	fd := int(master.Fd())
	if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 31, Col: 95})
	}
	if err == nil {
		var n int
		n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		if err == nil {
			slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
		}
	}
	if err != nil {
		master.Close()
	}
	return master, slave, err
}

// screen collects what the other side writes.
type screen struct {
	mu      sync.Mutex
	data    []byte
	seen    int // what has been matched
	changed chan struct{}
}

func (s *screen) read(master *os.File) {
	buf := make([]byte, 4096)
	for {
		n, err := master.Read(buf)
		s.mu.Lock()
		s.data = append(s.data, buf[:n]...)
		s.mu.Unlock()
		select {
		case s.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ReplaceAll(string(s.data), "\r", "")
}

// turn types a line or waits for one.
func (s *screen) turn(master *os.File, line string) error {
	if text, ok := strings.CutPrefix(line, "> "); ok {
		keys := strings.NewReplacer("^C", "\x03", "^Z", "\x1a").Replace(text)
		if keys == text {
			keys += "\n"
		}
		_, err := master.WriteString(keys)
		return err
	}
	if pause, ok := strings.CutPrefix(line, "= "); ok {
		d, err := time.ParseDuration(pause + "s")
		time.Sleep(d)
		return err
	}
	want, ok := strings.CutPrefix(line, "< ")
	if !ok {
		return nil
	}
	re, err := regexp.Compile("(?m)" + want)
	if err != nil {
		return err
	}
	for end := time.After(patience); ; {
		if s.match(re) {
			return nil
		}
		select {
		case <-s.changed:
		case <-end:
			return fmt.Errorf("not seen within %v: %s", patience, want)
		}
	}
}

func (s *screen) match(re *regexp.Regexp) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := re.FindIndex(s.data[s.seen:])
	if at == nil {
		return false
	}
	s.seen += at[1]
	return true
}
