package step

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestStepConsole(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.apply(&Session{}, &Mount{Type: "devpts", Source: "devpts", Target: "/dev/pts", Options: []string{"newinstance", "ptmxmode=0666", "mode=0620"}},
		&Console{Height: 30, Width: 100})
	w.pivot()
	var st unix.Stat_t
	must(t, unix.Stat("/dev/console", &st))
	if st.Mode != unix.S_IFCHR|0o620 || unix.Major(st.Rdev) != 136 {
		t.Errorf("/dev/console: mode %#o, device %#x", st.Mode, st.Rdev)
	}
	size, err := unix.IoctlGetWinsize(w.console, unix.TIOCGWINSZ)
	if err != nil || size.Row != 30 || size.Col != 100 {
		t.Errorf("%+v, %v", size, err)
	}
	must(t, os.WriteFile("/dev/console", []byte("hello"), 0))
	buf := make([]byte, 100)
	if n, err := unix.Read(w.console, buf); err != nil || string(buf[:n]) != "hello" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	takeConsole(w)
}

// takeConsole gives this process the terminal and takes it back at once.
func takeConsole(w *world) {
	var saved [3]int
	for fd := range saved {
		var err error
		saved[fd], err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 10)
		must(w.T, err)
	}
	err := (&TakeConsole{}).Apply(w.env)
	var errs [3]error
	for fd := range saved {
		_, errs[fd] = unix.IoctlGetTermios(fd, unix.TCGETS)
	}
	session, err2 := unix.IoctlGetInt(0, unix.TIOCGSID)
	for fd := range saved {
		must(w.T, unix.Dup3(saved[fd], fd, 0))
	}
	if err != nil || errs != [3]error{} || err2 != nil || session != os.Getpid() {
		w.Errorf("%v; terminals: %v; session %d of process %d, %v", err, errs, session, os.Getpid(), err2)
	}
}

func TestStepConsoleNeedsATerminalMultiplexer(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.fails(&Console{}, "open /dev/pts/ptmx of the container: ", "A terminal needs a devpts mount on /dev/pts in .mounts.")
	w.write("dev/pts/ptmx", "", 0o666)
	w.fails(&Console{}, "/dev/pts/ptmx of the container is not the terminal multiplexer of a devpts", "")
	must(t, os.Remove(w.in("dev/pts/ptmx")))
	must(t, os.Symlink("/dev/null", w.in("dev/pts/ptmx")))
	w.fails(&Console{}, "open /dev/pts/ptmx of the container: ", "")
	if w.console >= 0 {
		t.Error("something was handed over")
	}
}

// What the image has at /dev/console is covered, not followed (CVE-2025-52565).
func TestStepConsoleCoversWhatIsThere(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	outside := os.Getenv(insideVar) + "/outside"
	must(t, os.WriteFile(outside, []byte("x"), 0o644))
	w.write("dev/console", "the image's", 0o644)
	w.apply(&Mount{Type: "devpts", Source: "devpts", Target: "/dev/pts", Options: []string{"newinstance"}}, &Console{})
	var st unix.Stat_t
	must(t, unix.Stat(w.in("dev/console"), &st))
	if unix.Major(st.Rdev) != 136 {
		t.Errorf("device %#x", st.Rdev)
	}
	must(t, unix.Unmount(w.in("dev/console"), 0))
	must(t, os.Remove(w.in("dev/console")))
	must(t, os.Symlink(outside, w.in("dev/console")))
	_ = (&Console{}).Apply(w.env) // it may refuse, or cover the link
	if got, err := os.ReadFile(outside); err != nil || string(got) != "x" || isMount(t, outside) {
		t.Errorf("outside: %q, %v", got, err)
	}
}
