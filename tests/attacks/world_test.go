package attacks

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// Places inside the sandbox. All lie on a tmpfs of our own.
const (
	work    = "/run/attacks"
	image   = work + "/image"   // the programs of every root, to be linked
	hosts   = work + "/host"    // what containers must not reach
	bundles = work + "/bundles" // and their state
)

// secret is what every host directory holds in its file of that name. A container that
// prints it has got out.
var secret = fmt.Sprintf("secret-of-the-host-%d", os.Getpid())

// runtimePath is a copy of the runtime: an attempt to write to it must be able to
// succeed, and to do no harm.
var runtimePath string

// layOut makes the places and takes the machine's files out of reach.
func layOut() error {
	if err := closeDoors(); err != nil {
		return err
	}
	if err := os.Mkdir(work, 0o755); err != nil {
		return err
	}
	// The sandbox's /run shows no device nodes; an image on a disk would.
	if err := unix.Mount("attacks", work, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount %s: %w", work, err)
	}
	for _, dir := range []string{image, hosts, bundles, work + "/runtime"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("%w: install the package busybox-static", err)
	}
	runtimePath = filepath.Join(work, "runtime", filepath.Base(os.Getenv("RUNTIME")))
	for to, from := range map[string]string{image + "/busybox": busybox, image + "/payload": "/proc/self/exe", runtimePath: os.Getenv("RUNTIME")} {
		if err := copyProgram(from, to); err != nil {
			return err
		}
	}
	return nil
}

func copyProgram(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

// writable are the sandbox's own filesystems. All that the machine has is read-only
// from closeDoors on, so that no runtime, however broken, can change it.
var writable = []string{"/tmp", "/run", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/proc", "/sys/fs/cgroup"}

func closeDoors() error {
	if err := unix.MountSetattr(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return fmt.Errorf("make everything read-only: %w", err)
	}
	for _, path := range append(writable, ownOutputs()...) {
		if err := unix.MountSetattr(unix.AT_FDCWD, path, 0, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return fmt.Errorf("make %s writable: %w", path, err)
		}
	}
	return nil
}

// ownOutputs are the folders that the go command wants its files in; the sandbox shows
// them under /tmp.
func ownOutputs() (dirs []string) {
	for _, arg := range os.Args[1:] {
		_, path, _ := strings.Cut(arg, "=/tmp/go-build")
		if name, _, ok := strings.Cut(path, "/"); ok {
			dirs = append(dirs, "/tmp/go-build"+name)
		}
	}
	return dirs
}

func runtimeVersion() string {
	out, err := exec.Command(runtimePath, "--version").Output()
	if err != nil {
		return fmt.Sprintf("%s (--version: %v)", runtimePath, err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return first
}

var counter atomic.Int32

// newHost makes a directory with the secret and with names that runtimes make, replace
// or remove in /dev and /etc.
func newHost(t *testing.T) string {
	t.Helper()
	dir := fmt.Sprintf("%s/%d", hosts, counter.Add(1))
	must(t, os.Mkdir(dir, 0o755))
	must(t, os.WriteFile(dir+"/secret", []byte(secret+"\n"), 0o644))
	for _, name := range []string{"ptmx", "console", "null", "fd", "stdin", "hosts", "passwd"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("of the host\n"), 0o644))
	}
	for _, name := range []string{"pts", "shm", "sub"} {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// snapshot is what a tree looks like, by path.
type snapshot map[string]string

// look takes in what every attempt is after: its host directory, and the host's mounts.
func (a *attempt) look() snapshot {
	s := look(a.host)
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	s["the host's table of mounts"] = fmt.Sprint(string(mounts), err)
	return s
}

// look takes everything in that an intruder could change. The time of a directory tells
// of what was made and removed again.
func look(dir string) snapshot {
	s := snapshot{}
	_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			s[path] = err.Error()
			return nil
		}
		s[path] = describe(path)
		return nil
	})
	return s
}

func describe(path string) string {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("mode %o owner %d:%d device %x changed %d.%d", st.Mode, st.Uid, st.Gid, st.Rdev, st.Mtim.Sec, st.Mtim.Nsec)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		data, err := os.ReadFile(path)
		text += fmt.Sprintf(" content %x %v", sha256.Sum256(data), err)
	case unix.S_IFLNK:
		to, _ := os.Readlink(path)
		text += " -> " + to
	}
	return text
}

// changed tells what differs, or "".
func (s snapshot) changed(now snapshot) string {
	var diff []string
	for path, text := range now {
		if old, ok := s[path]; !ok {
			diff = append(diff, path+" has appeared")
		} else if old != text {
			diff = append(diff, path+" has changed")
		}
	}
	for path := range s {
		if _, ok := now[path]; !ok {
			diff = append(diff, path+" is gone")
		}
	}
	return strings.Join(diff, ", ")
}

func hash(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return fmt.Sprintf("%x", sha256.Sum256(data))
}
