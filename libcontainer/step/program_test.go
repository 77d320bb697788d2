package step

import (
	"os"
	"os/signal"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestStepEnvironment(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	const many = 100_000
	for name, c := range map[string]struct {
		passwd string
		uid    uint32
		home   string
	}{
		"an ordinary line":         {"root:x:0:0:root:/root:/bin/sh\nweb:x:7:7::/srv/web:/bin/sh\n", 7, "/srv/web"},
		"the first line counts":    {"a:x:7:7::/a:\nb:x:7:7::/b:\n", 7, "/a"},
		"no line end":              {"web:x:7:7::/srv/web", 7, "/srv/web"},
		"nobody":                   {"root:x:0:0:root:/root:/bin/sh\n", 7, "/"},
		"empty":                    {"", 0, "/"},
		"no home":                  {"web:x:7:7:::/bin/sh\n", 7, "/"},
		"a home that is no path":   {"web:x:7:7::home:/bin/sh\n", 7, "/"},
		"a line that is too short": {"web:x:7\nweb:x:7:7::/srv/web:\n", 7, "/srv/web"},
		"a number, not its digits": {"web:x:07:7::/srv/web:\nweb:x:77:7::/77:\n", 7, "/"},
		"a name like a number":     {"7:x:8:7::/srv/web:\n", 7, "/"},
		"Windows line ends":        {"web:x:7:7::/srv/web\r\nweb:x:8:8::/b:\r\n", 8, "/b"},
		"many lines":               {strings.Repeat(":::::\n", many) + "web:x:7:7::/srv/web:\n", 7, "/srv/web"},
		"more than 1 MiB":          {strings.Repeat(":::::\n", 2*many) + "web:x:7:7::/srv/web:\n", 7, "/"},
		"the largest id":           {"web:x:4294967294:7::/srv/web:\n", 4294967294, "/srv/web"},
	} {
		w.write("etc/passwd", c.passwd, 0o644)
		w.apply(&Environment{Args: []string{"x"}, Env: []string{"A=1"}, Home: true, UID: c.uid})
		if want := []string{"A=1", "HOME=" + c.home}; !slices.Equal(w.env.Exec.Env, want) {
			t.Errorf("%s: %q, want %q", name, w.env.Exec.Env, want)
		}
	}
	w.apply(&Environment{Args: []string{"x", "y"}, Env: []string{"HOME=/mine"}})
	if !slices.Equal(w.env.Exec.Env, []string{"HOME=/mine"}) || !slices.Equal(w.env.Exec.Args, []string{"x", "y"}) {
		t.Errorf("%+v", w.env.Exec)
	}
}

// Whatever the image has in place of /etc/passwd, it is neither waited for nor followed
// out of the root.
func TestStepEnvironmentWithAnOddPasswd(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	outside := os.Getenv(insideVar) + "/passwd"
	must(t, os.WriteFile(outside, []byte("web:x:7:7::/of/the/host:\n"), 0o644))
	for name, make := range map[string]func(string) error{
		"a FIFO":         func(path string) error { return unix.Mkfifo(path, 0o644) },
		"a folder":       func(path string) error { return os.Mkdir(path, 0o755) },
		"a link outside": func(path string) error { return os.Symlink(outside, path) },
		"a link up":      func(path string) error { return os.Symlink("../../../../../.."+outside, path) },
		"a loop":         func(path string) error { return os.Symlink("passwd", path) },
		"a device":       func(path string) error { return os.Symlink("/dev/zero", path) },
		"nothing":        func(string) error { return nil },
	} {
		must(t, make(w.in("etc/passwd")))
		w.apply(&Environment{Home: true, UID: 7})
		if want := []string{"HOME=/"}; !slices.Equal(w.env.Exec.Env, want) {
			t.Errorf("%s: %q", name, w.env.Exec.Env)
		}
		_ = os.Remove(w.in("etc/passwd"))
	}
}

func TestStepFindProgram(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.write("bin/tool", "#!/bin/sh\n", 0o755)
	w.write("opt/tool", "#!/bin/sh\n", 0o644)
	w.write("srv/run", "#!/bin/sh\n", 0o755)
	w.write("usr/sbin/daemon", "#!/bin/sh\n", 0o755)
	must(t, os.Mkdir(w.in("bin/folder"), 0o755))
	w.apply(&Mount{Type: "tmpfs", Source: "tmpfs", Target: "/noexec", Flags: unix.MS_NOEXEC})
	w.write("noexec/tool", "#!/bin/sh\n", 0o755)
	must(t, os.Symlink("/bin/tool", w.in("link")))
	must(t, os.Symlink("/gone", w.in("dangling")))
	must(t, os.Symlink("/circle", w.in("circle")))
	must(t, unix.Mkfifo(w.in("fifo"), 0o755))
	w.pivot()
	w.apply(&Cwd{Path: "/srv"})
	for _, c := range []struct{ name, path, want string }{
		{"tool", "/bin", "/bin/tool"}, {"tool", "/nowhere:/bin:/opt", "/bin/tool"}, {"tool", "/opt:/bin", "/bin/tool"}, {"/bin/tool", "", "/bin/tool"},
		{"./run", "/bin", "./run"}, {"run", ":/bin", "./run"}, {"run", "/bin:", "./run"}, {"run", "/bin::/opt", "./run"}, {"../srv/run", "", "../srv/run"},
		{"link", "/", "//link"}, {"tool", "/noexec:/bin", "/bin/tool"},
	} {
		w.env.Exec.Path = ""
		w.apply(&FindProgram{Name: c.name, Path: c.path})
		if w.env.Exec.Path != c.want {
			t.Errorf("%s in %s: %q, want %q", c.name, c.path, w.env.Exec.Path, c.want)
		}
	}
	for _, c := range []struct{ name, path, says, hint string }{
		{"nope", "/bin:/opt", `exec: "nope": executable file not found in $PATH`, "PATH in the container is /bin:/opt."},
		{"nope", "", `exec: "nope": executable file not found in $PATH`, "has no PATH"},
		{"daemon", "/bin", `exec: "daemon": executable file not found in $PATH`, "It is in /usr/sbin: add that to PATH"},
		{"folder", "/bin", `exec: "folder": executable file not found in $PATH`, ""},
		{"tool", "/opt", `exec: "/opt/tool": permission denied`, "Its mode 0644 lacks x: chmod +x /opt/tool"},
		{"/opt/tool", "", `exec: "/opt/tool": permission denied`, "Its mode 0644 lacks x"},
		{"/noexec/tool", "", `exec: "/noexec/tool": permission denied`, "mounted noexec"},
		{"/bin/folder", "", `exec: "/bin/folder": is a directory`, ""},
		{"/bin/nope", "", `exec: "/bin/nope": stat /bin/nope: no such file or directory`, "The root filesystem has no /bin/nope."},
		{"/no/such/x", "", `exec: "/no/such/x": stat /no/such/x: no such file or directory`, "The root filesystem has no folder /no."},
		{"/bin/daemon", "", `exec: "/bin/daemon": stat /bin/daemon: no such file or directory`, "The root filesystem has no /bin/daemon; daemon is in /usr/sbin."},
		{"/bin/tool/x", "", `exec: "/bin/tool/x": stat /bin/tool/x: not a directory`, "/bin/tool is a file, not a folder."},
		{"/dangling/x", "", `exec: "/dangling/x": stat /dangling/x: no such file or directory`, "/dangling is a symbolic link to /gone, which the root filesystem does not have."},
		{"/circle", "", `exec: "/circle": stat /circle: too many levels of symbolic links`, "/circle is a symbolic link that leads back to itself."},
		{"/fifo", "", `exec: "/fifo": permission denied`, "/fifo is no program but a FIFO."},
	} {
		w.fails(&FindProgram{Name: c.name, Path: c.path}, c.says, c.hint)
	}
}

func TestStepFindProgramAsItsUser(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.write("closed/tool", "", 0o755)
	must(t, os.Chmod(w.in("closed"), 0o600))
	w.write("bin/mine", "", 0o100)
	if w.allIDs {
		must(t, os.Chown(w.in("bin/mine"), 1000, 0))
	}
	w.pivot()
	if w.allIDs {
		w.apply(&User{UID: 1000, GID: 1000})
	}
	w.apply(&Capabilities{}) // root is nothing special without them
	w.fails(&FindProgram{Name: "/closed/tool"}, `exec: "/closed/tool": permission denied`, "cannot pass /closed: its mode is 0600, its owner ")
	w.apply(&FindProgram{Name: "mine", Path: "/closed:/bin"})
	if w.env.Exec.Path != "/bin/mine" {
		t.Errorf("%q", w.env.Exec.Path)
	}
}

func TestStepCloseFiles(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	for _, fd := range []int{50, 51, 52} {
		must(t, unix.Dup3(0, fd, 0))
	}
	w.apply(&CloseFiles{First: 51})
	for fd, want := range map[int]int{0: 0, 1: 0, 2: 0, 50: 0, 51: unix.FD_CLOEXEC, 52: unix.FD_CLOEXEC} {
		if got, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || got != want {
			t.Errorf("descriptor %d: flags %d, %v", fd, got, err)
		}
	}
}

func TestStepResetSignals(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	signal.Ignore(unix.SIGUSR1, unix.SIGINT)
	if ignored := w.status("SigIgn"); ignored == w.hex(0) {
		t.Error("nothing is ignored before")
	}
	blocked := unix.Sigset_t{Val: [16]uint64{1<<(unix.SIGTERM-1) | 1<<(unix.SIGUSR2-1) | 1<<63}}
	must(t, unix.PthreadSigmask(unix.SIG_BLOCK, &blocked, nil))
	w.apply(&ResetSignals{})
	if blocked := w.status("SigBlk"); blocked != w.hex(0) {
		t.Errorf("blocked: %s", blocked)
	}
	if ignored := w.status("SigIgn"); ignored != w.hex(0) {
		t.Errorf("ignored: %s", ignored)
	}
}
