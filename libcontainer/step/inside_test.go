package step

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// insideVar is set in a test that runs again in namespaces: the folder that it works in.
const insideVar = "MDRUN_STEP_INSIDE"

func TestMain(m *testing.M) {
	if os.Getenv(reportVar) != "" {
		report()
		return
	}
	os.Exit(m.Run())
}

// inside runs the calling test again, as root of new user, mount, uts, pid, ipc and
// network namespaces, and is true there. Steps are applied for real, and whatever they
// do ends with the process.
//
// Root maps ids that nobody has into the namespace, anybody else only their own.
// Namespaces that are named (CLONE_NEW*) stay those of the host.
func inside(t *testing.T, hosts ...uintptr) bool {
	t.Helper()
	if os.Getenv(insideVar) != "" {
		runtime.LockOSThread() // never unlocked: steps change the thread
		return true
	}
	cmd := again(t)
	for _, flag := range hosts {
		cmd.SysProcAttr.Cloneflags &^= flag
	}
	out, err := cmd.CombinedOutput()
	finished(t, string(out), err)
	return false
}

// firstID is where the ids begin that the tests of root use.
const firstID = 100000

// again is the command that runs the calling test in namespaces.
func again(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	must(t, os.Chmod(dir, 0o777)) // the mapped root is somebody else
	cmd.Env = []string{insideVar + "=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWNET,
		Pdeathsig:  unix.SIGKILL,
	}
	uid, gid, size := os.Getuid(), os.Getgid(), 1
	if uid == 0 {
		// Not the host's own root: a step that is broken must not own a file of the host.
		uid, gid, size, cmd.SysProcAttr.GidMappingsEnableSetgroups = firstID, firstID, 65535, true
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{NoSetGroups: true}
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: size}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: gid, Size: size}}
	return cmd
}

// finished takes over the outcome of the test inside.
func finished(t *testing.T, out string, err error) {
	t.Helper()
	switch {
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EUSERS):
		t.Skip("needs user namespaces: ", err)
	case err != nil:
		t.Errorf("inside: %v\n%s", err, out)
	case strings.Contains(out, "--- SKIP: "+t.Name()):
		t.Skip(out)
	case !strings.Contains(out, "--- PASS: "+t.Name()):
		t.Errorf("inside, the test did not run:\n%s", out)
	}
}

// TestStepsOfAnOrdinaryUser runs the others as somebody who is not root.
func TestStepsOfAnOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		return // they were just run
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestStep", "-test.v", "-test.skip=^"+t.Name()+"$")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	const nobody = 65534
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, Pdeathsig: unix.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if n := strings.Count(string(out), "\n--- PASS: "); n < 15 {
		t.Errorf("only %d tests passed:\n%s", n, out)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is where a test inside applies steps: a root of its own on a tmpfs.
type world struct {
	*testing.T
	env     *Env
	root    string // the path of the root, as the host calls it
	allIDs  bool   // the namespace maps ids besides 0
	console int    // the master of a terminal that was handed over
	host    int    // a socket whose other end the host would hold; -1: none
	program int    // what the host sends for a hook; -1: it runs it itself
	paused  []string
	mapped  int      // the mount whose ids the host was asked to map
	refuses error    // what it answers then
	scored  bool     // the host was asked to set the oom_score_adj
	roomFor []string // the limits that the host was asked to raise
}

// newWorld makes the root and takes the step into it.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, root: filepath.Join(os.Getenv(insideVar), "root"), console: -1, host: -1, program: -1}
	must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(t, unix.Mount("tmpfs", os.Getenv(insideVar), "tmpfs", 0, "mode=755"))
	for _, d := range []string{"bin", "dev", "etc", "proc", "sys", "tmp"} {
		must(t, os.MkdirAll(filepath.Join(w.root, d), 0o755))
	}
	maps, err := os.ReadFile("/proc/self/uid_map")
	must(t, err)
	w.allIDs = strings.Fields(string(maps))[2] != "1"
	unix.Umask(0) // as in the child
	w.env = &Env{Proc: proc(t), Root: -1, Fifo: -1, Host: w}
	w.apply(&EnterRoot{Path: w.root, Propagation: unix.MS_SLAVE | unix.MS_REC})
	return w
}

func proc(t *testing.T) int {
	t.Helper()
	fd, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	return fd
}

// apply takes steps that must succeed.
func (w *world) apply(steps ...Step) {
	w.Helper()
	for _, s := range steps {
		if err := s.Apply(w.env); err != nil {
			w.Fatalf("%s: %v", s, err)
		}
	}
}

// fails takes a step that must not succeed, and looks for words in what it says and
// in its hint.
func (w *world) fails(s Step, text, hint string) {
	w.Helper()
	err := s.Apply(w.env)
	if err == nil {
		w.Errorf("%s: no error", s)
		return
	}
	var p *Problem
	if !errors.As(err, &p) {
		p = &Problem{}
	}
	if !strings.Contains(err.Error(), text) || !strings.Contains(p.Hint, hint) {
		w.Errorf("%s: %q; %q\nwant %q; %q", s, err, p.Hint, text, hint)
	}
}

// in is a path of the root, as the host calls it.
func (w *world) in(path string) string { return filepath.Join(w.root, path) }

// pivot leaves the host behind.
func (w *world) pivot() {
	w.Helper()
	w.apply(&PivotRoot{})
	w.root = "/"
}

// write makes a file in the root.
func (w *world) write(path, content string, mode os.FileMode) {
	w.Helper()
	must(w.T, os.MkdirAll(filepath.Dir(w.in(path)), 0o755))
	must(w.T, os.WriteFile(w.in(path), []byte(content), mode))
	must(w.T, os.Chmod(w.in(path), mode))
}

// The runtime as the steps see it: nothing waits.

func (w *world) Console(master int) (err error) {
	w.console, err = unix.FcntlInt(uintptr(master), unix.F_DUPFD_CLOEXEC, 3)
	return err
}
func (w *world) Open(string) (int, error) { return -1, unix.EACCES }
func (w *world) Pause(name string) (int, error) {
	w.paused = append(w.paused, name)
	return w.program, nil
}
func (w *world) MapIDs(mount, tree int) error {
	w.mapped = mount
	return w.refuses
}
func (w *world) OOMScore() error { w.scored = true; return nil }
func (w *world) Room(limit string) error {
	w.roomFor = append(w.roomFor, limit)
	return errors.New("no room")
}
func (w *world) Ready() error { return nil }
func (w *world) Gone() bool   { return false }
func (w *world) FD() int      { return w.host }

// status gives a line of what the kernel says about this thread.
func (w *world) status(name string) string {
	w.Helper()
	fd, err := unix.Openat(w.env.Proc, "thread-self/status", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	must(w.T, err)
	f := os.NewFile(uintptr(fd), "status")
	defer f.Close()
	buf := make([]byte, 8192)
	n, err := f.Read(buf)
	must(w.T, err)
	for line := range strings.Lines(string(buf[:n])) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	w.Fatalf("no %s in:\n%s", name, buf[:n])
	return ""
}

// mounted gives the flags of the filesystem at a path (statfs(2), ST_*).
func (w *world) mounted(path string) (kind int64, flags int64) {
	w.Helper()
	var st unix.Statfs_t
	must(w.T, unix.Statfs(w.in(path), &st))
	return st.Type, st.Flags
}

func (w *world) hex(n uint64) string {
	text := strconv.FormatUint(n, 16)
	return strings.Repeat("0", 16-len(text)) + text
}
