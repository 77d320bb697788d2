package limits

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// container is one that create has made.
type container struct {
	t      *testing.T
	id     string
	dir    string // the bundle
	binary string // the runtime
	pid    int
	cgroup string // its directory

	launcher []string // a command that runs the runtime; nil: it is run by itself
}

var made int // containers so far, for their names

// prepare writes the bundle and gives the container a name and a cgroup of that name.
func prepare(t *testing.T, s *specs.Spec) *container {
	t.Helper()
	made++
	c := &container{t: t, id: fmt.Sprintf("c%d", made), binary: os.Getenv(runtimeVar)}
	s.Linux.CgroupsPath = "/limits/" + c.id
	c.cgroup = "/sys/fs/cgroup/limits/" + c.id
	c.dir = write(t, s)
	return c
}

// create takes the container to the state in which its limits are in force and its
// program is not there yet.
func create(t *testing.T, s *specs.Spec) *container {
	t.Helper()
	c := prepare(t, s)
	c.created()
	return c
}

// created creates what was prepared.
func (c *container) created() {
	c.t.Helper()
	pidFile := filepath.Join(c.dir, "pid")
	c.must("create", "--bundle", c.dir, "--pid-file", pidFile, c.id)
	c.t.Cleanup(func() { c.must("delete", "--force", c.id); c.gone() })
	data, err := os.ReadFile(pidFile)
	must(c.t, err)
	c.pid, err = strconv.Atoi(string(data))
	must(c.t, err)
	own, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", c.pid))
	must(c.t, err)
	if want := "0::" + strings.TrimPrefix(c.cgroup, "/sys/fs/cgroup") + "\n"; string(own) != want {
		c.t.Fatalf("cgroup of init: %q, want %q", own, want)
	}
}

// start creates a container and lets its program run.
func start(t *testing.T, s *specs.Spec) *container {
	t.Helper()
	c := create(t, s)
	c.must("start", c.id)
	return c
}

// run takes the container through its whole life and returns its exit status.
func run(t *testing.T, s *specs.Spec) (status int, output string) {
	t.Helper()
	c := prepare(t, s)
	status, output = c.runtime("run", "--bundle", c.dir, c.id)
	c.gone()
	return status, output
}

// wait returns how the program ended. It is our child, see TestMain.
func (c *container) wait() syscall.WaitStatus {
	c.t.Helper()
	late := time.AfterFunc(time.Minute, func() { _ = syscall.Kill(c.pid, syscall.SIGQUIT) })
	defer late.Stop()
	for {
		var ws syscall.WaitStatus
		_, err := syscall.Wait4(c.pid, &ws, 0, nil)
		if err == nil {
			return ws
		}
		if err != syscall.EINTR {
			c.t.Fatalf("wait4(%d): %v", c.pid, err)
		}
	}
}

// ended tells whether the program has; a child that nobody has waited for is a zombie.
func (c *container) ended() bool {
	c.t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.pid))
	must(c.t, err)
	_, rest, _ := strings.Cut(string(data), ") ")
	return strings.HasPrefix(rest, "Z")
}

// endsWithin waits until the program has ended, and tells whether it has.
func (c *container) endsWithin(d time.Duration) bool { return within(d, c.ended) }

// prints waits until the program has printed something.
func (c *container) prints(want string) bool {
	return within(30*time.Second, func() bool { return strings.Contains(c.output(), want) })
}

func within(d time.Duration, done func() bool) bool {
	for end := time.Now().Add(d); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// file reads one of the cgroup's files.
func (c *container) file(name string) string {
	c.t.Helper()
	data, err := os.ReadFile(filepath.Join(c.cgroup, name))
	must(c.t, err)
	return strings.TrimSpace(string(data))
}

// number reads the value of a key in a file of "key value" lines.
func (c *container) number(name, key string) int {
	c.t.Helper()
	for _, line := range strings.Split(c.file(name), "\n") {
		if value, ok := strings.CutPrefix(line, key+" "); ok {
			n, err := strconv.Atoi(value)
			must(c.t, err)
			return n
		}
	}
	c.t.Fatalf("%s: no %s in it", name, key)
	return 0
}

// output is what the program has printed so far.
func (c *container) output() string {
	data, err := os.ReadFile(filepath.Join(c.dir, "output"))
	must(c.t, err)
	return string(data)
}

// gone sees that the cgroup was removed.
func (c *container) gone() {
	if _, err := os.Stat(c.cgroup); !os.IsNotExist(err) {
		c.t.Errorf("cgroup %s is left: %v", c.cgroup, err)
	}
}

func (c *container) must(args ...string) {
	c.t.Helper()
	if status, out := c.runtime(args...); status != 0 {
		c.t.Fatalf("%s: exit status %d: %s", strings.Join(args, " "), status, out)
	}
}

// runtime runs the runtime under test; what it and the container print goes to a
// file, because the container keeps its end longer than the runtime.
func (c *container) runtime(args ...string) (status int, output string) {
	c.t.Helper()
	f, err := os.OpenFile(filepath.Join(c.dir, "output"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	must(c.t, err)
	defer f.Close()
	line := append(append(slices.Clone(c.launcher), c.binary, "--root", "/run/limits"), args...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Stdout, cmd.Stderr = f, f
	if err := cmd.Run(); cmd.ProcessState == nil {
		c.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), c.output()
}
