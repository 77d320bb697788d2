package attacks

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() { roles["use the terminal"] = useTheTerminal }

// useTheTerminal tells what the standard input and /dev/console are, and tries to reach
// a terminal that belongs to somebody else.
func useTheTerminal([]string) {
	for _, path := range []string{"/proc/self/fd/0", "/dev/console"} {
		var st unix.Stat_t
		var fs unix.Statfs_t
		if unix.Stat(path, &st) == nil && unix.Statfs(path, &fs) == nil {
			fmt.Printf("%s device %d:%d on %x\n", path, unix.Major(st.Rdev), unix.Minor(st.Rdev), fs.Type)
		}
	}
	sid, err := unix.Getsid(0)
	fmt.Println("session", sid, err)
	if fd, err := unix.Open("/dev/tty", unix.O_RDWR, 0); err == nil {
		fmt.Println("has opened /dev/tty")
		_, _ = unix.Write(fd, []byte("text that nobody asked for\n"))
	}
	for fd := range 3 {
		c := []byte{'x'}
		if err := ioctl(fd, unix.TIOCSTI, c); err == nil {
			fmt.Println("has typed on", fd)
		}
		if unix.IoctlSetInt(fd, unix.TIOCSCTTY, 1) == nil {
			fmt.Println("has taken", fd)
		}
	}
}

// onTerminal runs the container with a terminal that a console socket receives; what is
// written to that is the output.
func (b *bundle) onTerminal() (o outcome) {
	b.a.Helper()
	b.spec.Process.Terminal = true
	b.write()
	id := b.newID()
	defer b.remove(id)
	socket := fmt.Sprintf("%s/c%d", b.dir, counter.Add(1))
	l, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(b.a, err)
	defer unix.Close(l)
	must(b.a, unix.Bind(l, &unix.SockaddrUnix{Name: socket}))
	must(b.a, unix.Listen(l, 1))
	o = b.call("run", "--detach", "--bundle", b.dir, "--console-socket", socket, id)
	if o.code != 0 {
		return o
	}
	master, err := receive(l)
	if err != nil {
		o.said += err.Error()
		return o
	}
	defer master.Close()
	o.out = strings.ReplaceAll(readTerminal(master), "\r\n", "\n")
	o.ran = strings.HasPrefix(o.out, "in\n")
	return o
}

// receive takes the one descriptor that a runtime sends.
func receive(l int) (*os.File, error) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	second := unix.Timeval{Sec: 5}
	must(unix.SetsockoptTimeval(l, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &second))
	c, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("console socket: accept: %w", err)
	}
	defer unix.Close(c)
	must(unix.SetsockoptTimeval(c, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &second))
	buf, oob := make([]byte, 4096), make([]byte, 1024)
	_, n, _, _, err := unix.Recvmsg(c, buf, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("console socket: receive: %w", err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("console socket: no descriptor (%v)", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("console socket: %d descriptors (%v)", len(fds), err)
	}
	return os.NewFile(uintptr(fds[0]), "master"), nil
}

// readTerminal reads until the other side is closed, which is an error of the master
// (EIO), for a few seconds at most.
func readTerminal(master *os.File) string {
	var text []byte
	buf := make([]byte, 4096)
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		poll := []unix.PollFd{{Fd: int32(master.Fd()), Events: unix.POLLIN}}
		if n, _ := unix.Poll(poll, 1000); n < 1 {
			continue
		}
		n, err := master.Read(buf)
		if err != nil {
			break
		}
		text = append(text, buf[:n]...)
	}
	return string(text)
}

// CVE-2025-52565: the terminal, or what leads to it, is the image's.
func TestTheTerminalIsARealOne(t *testing.T) {
	a := try(t, "S-11")
	if o := a.bundle().payload("use the terminal").onTerminal(); !strings.Contains(o.out, "/proc/self/fd/0 device 136:0 on 1cd1") {
		t.Fatalf("the usual terminal: %+v", o)
	}
	for _, place := range []string{"/dev/console", "/dev/ptmx", "/dev/pts", "/dev/pts/ptmx", "/dev/pts/0", "/dev/tty"} {
		for what, put := range map[string]func(path string) error{
			"a link to a file of the host": func(path string) error { return os.Symlink(a.host+"/console", path) },
			"a link to the host's secret":  func(path string) error { return os.Symlink(upAndOver(a.host+"/secret"), path) },
			"a link to nothing":            func(path string) error { return os.Symlink(a.host+"/new", path) },
			"a link to a parameter":        func(path string) error { return os.Symlink(parameter, path) },
			"a file":                       func(path string) error { return os.WriteFile(path, []byte("of the image\n"), 0o666) },
			"a fifo":                       func(path string) error { return unix.Mkfifo(path, 0o666) },
			"another device":               func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))) },
		} {
			b := a.bundle().onHostNetwork().without("/dev", "/dev/shm", "/dev/mqueue").payload("use the terminal")
			if strings.HasPrefix(place, "/dev/pts/") {
				b.without("/dev/pts")
				must(t, os.Mkdir(b.inside("/dev/pts"), 0o755))
			}
			must(t, put(b.inside(place)))
			before := a.look()
			value, err := os.ReadFile(parameter)
			must(t, err)
			o := b.onTerminal()
			a.judge(place+" is "+what, before, o)
			a.unset(place+" is "+what, string(value))
		}
	}
}

// TIOCSTI types on a terminal, as if a person did: a container that was given the
// caller's terminal as a mere file must not be able to use it as one.
func TestACallersTerminalIsOutOfReach(t *testing.T) {
	a := try(t, "S-18")
	if typing, err := os.ReadFile("/proc/sys/dev/tty/legacy_tiocsti"); err == nil {
		t.Logf("the kernel lets programs type: %s", strings.TrimSpace(string(typing)))
	}
	b := a.bundle().payload("use the terminal")
	b.command = func(cmd *exec.Cmd) {
		master, slave := openTerminal(t)
		t.Cleanup(func() { master.Close(); slave.Close() })
		cmd.Stdin = slave
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	}
	o := b.attack("run from a terminal")
	if !o.ran {
		t.Fatalf("%+v", o)
	}
	for line := range strings.Lines(o.out) {
		if strings.HasPrefix(line, "has ") {
			a.hit("the container %s", strings.TrimSpace(line))
		}
		if strings.HasPrefix(line, "session") && line != "session 1 <nil>\n" {
			a.hit("the container is in the %s", strings.TrimSpace(line))
		}
	}
}

func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	must(t, err)
	must(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	must(t, err)
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	return os.NewFile(uintptr(fd), "master"), slave
}

func ioctl(fd int, request uintptr, data []byte) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&data[0])))
	if errno != 0 {
		return errno
	}
	return nil
}
