package cgroupv2

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Cgroup is one that exists, held open.
type Cgroup struct {
	path  string
	mount string
	fd    int
	key   int // what is locked, see Lock; 0 for nothing yet
}

// FD is a descriptor of the directory, for clone3(2) CLONE_INTO_CGROUP.
func (c *Cgroup) FD() int { return c.fd }

// Path is the cgroup's place below the mount point.
func (c *Cgroup) Path() string { return c.path }

// Close gives up the descriptor.
func (c *Cgroup) Close() {
	if c.key > 0 && c.key != c.fd {
		_ = unix.Close(c.key)
	}
	c.key = 0
	if c.fd >= 0 {
		_ = unix.Close(c.fd)
		c.fd = -1
	}
}

func readFile(dir int, name string) (string, error) {
	fd, err := openBeneath(dir, name, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	return readAll(fd)
}

// readAll reads to the end without the poller of package os, which costs more system
// calls than the reading.
func readAll(fd int) (string, error) {
	var b strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return b.String(), err
		}
		b.Write(buf[:n])
	}
}

func writeFile(dir int, name, value string) error {
	fd, err := openBeneath(dir, name, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for {
		_, err = unix.Write(fd, []byte(value))
		if err != unix.EINTR {
			return err
		}
	}
}

// unfit tells why a cgroup that exists cannot become a container's.
func (c *Cgroup) unfit() error {
	populated, err := c.Populated()
	if err != nil {
		return err
	}
	if populated {
		text := "container's cgroup is not empty: " + c.path
		if pids, err := c.Procs(); err == nil && len(pids) > 0 {
			text += " holds process " + strconv.Itoa(pids[0])
		}
		return &HostError{Text: text, Hint: "Give another .linux.cgroupsPath: the processes of a container are limited and killed together."}
	}
	if c.Frozen() {
		return &HostError{Text: "the cgroup " + c.path + " is frozen", Hint: "Write 0 into its cgroup.freeze, or give another .linux.cgroupsPath."}
	}
	return nil
}

func (c *Cgroup) event(name string) (bool, error) {
	text, err := readFile(c.fd, "cgroup.events")
	if err != nil {
		return false, &CallError{Call: "read(" + c.path + "/cgroup.events)", Err: err}
	}
	return count(text, name) == "1", nil
}

// Populated tells whether a process lives in the cgroup or below it.
func (c *Cgroup) Populated() (bool, error) { return c.event("populated") }

// Frozen tells whether the cgroup is frozen; one that cannot be read is not.
func (c *Cgroup) Frozen() bool {
	frozen, err := c.event("frozen")
	return err == nil && frozen
}

// Move brings a process into the cgroup. Where it can be, a process is born there
// instead (CLONE_INTO_CGROUP), which is faster and leaves no moment outside.
func (c *Cgroup) Move(pid int) error {
	if err := writeFile(c.fd, "cgroup.procs", strconv.Itoa(pid)); err != nil {
		return &CallError{Call: "write(" + c.path + "/cgroup.procs, " + strconv.Itoa(pid) + ")", Err: err}
	}
	return nil
}

// Kill sends SIGKILL to every process in the cgroup and below it, at once and
// including those that fork meanwhile (cgroup.kill, Linux 5.14).
func (c *Cgroup) Kill() error {
	if err := writeFile(c.fd, "cgroup.kill", "1"); err != nil && err != unix.ENODEV && err != unix.ENOENT {
		return &CallError{Call: "write(" + c.path + "/cgroup.kill)", Err: err}
	}
	return nil
}

// Freeze stops every process; Thaw lets them go on.
func (c *Cgroup) Freeze() error { return c.freeze("1") }

// Thaw lets the processes of a frozen cgroup go on.
func (c *Cgroup) Thaw() error { return c.freeze("0") }

func (c *Cgroup) freeze(value string) error {
	if err := writeFile(c.fd, "cgroup.freeze", value); err != nil {
		return &CallError{Call: "write(" + c.path + "/cgroup.freeze, " + value + ")", Err: err}
	}
	return nil
}

// WaitEmpty waits until no process is left, woken by the kernel (cgroup.events,
// poll(2) POLLPRI).
func (c *Cgroup) WaitEmpty(timeout time.Duration) error {
	fd, err := openBeneath(c.fd, "cgroup.events", unix.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) || err == unix.ENODEV {
		return nil
	}
	if err != nil {
		return &CallError{Call: "open(" + c.path + "/cgroup.events)", Err: err}
	}
	defer unix.Close(fd)
	deadline := time.Now().Add(timeout)
	buf := make([]byte, 256)
	for {
		// Reading arms the next event.
		n, err := unix.Pread(fd, buf, 0)
		if err == unix.ENODEV || err == nil && strings.Contains(string(buf[:n]), "populated 0") {
			return nil
		}
		if err != nil && err != unix.EINTR {
			return &CallError{Call: "read(" + c.path + "/cgroup.events)", Err: err}
		}
		left := time.Until(deadline)
		if left <= 0 {
			return &HostError{Text: "processes of the cgroup " + c.path + " do not end", Hint: "They may hang in the kernel: see /proc/PID/stack of those in cgroup.procs."}
		}
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}
		if _, err := unix.Poll(p, int(left.Milliseconds())+1); err != nil && err != unix.EINTR {
			return &CallError{Call: "poll(" + c.path + "/cgroup.events)", Err: err}
		}
	}
}

// OOM tells, for a person, that the memory limit has killed a process here, or has kept
// one from getting to its start; "" when neither has happened.
func (c *Cgroup) OOM() string {
	if seen := c.memoryEvent("oom_kill"); seen != "" {
		return "container init was OOM-killed (memory limit too low?): " + seen
	}
	if seen := c.memoryEvent("max"); seen != "" {
		return "container init got no memory (memory limit too low?): " + seen
	}
	return ""
}

// OOMKilled tells, for a person, that the memory limit has killed processes here; "" when
// it has not.
func (c *Cgroup) OOMKilled() string {
	if seen := c.memoryEvent("oom_kill"); seen != "" {
		return "killed by the memory limit, not by a signal from outside: " + seen
	}
	return ""
}

// memoryEvent tells how often something has happened and under which limit; "" for never.
func (c *Cgroup) memoryEvent(name string) string {
	text, err := readFile(c.fd, "memory.events")
	if n := count(text, name); err != nil || n == "" || n == "0" {
		return ""
	}
	limit, _ := readFile(c.fd, "memory.max")
	return "memory.max is " + strings.TrimSpace(limit) + ", memory.events " + name + " " + count(text, name)
}

// count gives the value of a key in lines of "key value".
func count(lines, key string) string {
	for line := range strings.Lines(lines) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+" "); ok {
			return value
		}
	}
	return ""
}
