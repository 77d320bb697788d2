package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const prefix = "mdrun-test-"

// cgroup is the sandbox's own, as seen from outside.
type cgroup struct {
	dir     *os.File
	enabled []string // controllers we switched on in the parent, with their sign: "-cpu"
}

// hierarchy finds the machine's cgroup v2 tree: alone at the usual place, or beside
// the trees of version 1.
func hierarchy() (string, error) {
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var fs unix.Statfs_t
		if unix.Statfs(dir, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
			return dir, nil
		}
	}
	return "", fmt.Errorf("no cgroup v2 hierarchy at /sys/fs/cgroup or /sys/fs/cgroup/unified")
}

func makeCgroup() (*cgroup, error) {
	top, err := hierarchy()
	if err != nil {
		return nil, err
	}
	removeStale(top)
	path, err := os.MkdirTemp(top, prefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return nil, err
	}
	// As open as the root of a hierarchy is: the root user of a user namespace walks here
	// when it mounts its own cgroup.
	if err := os.Chmod(path, 0o755); err != nil {
		return nil, err
	}
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &cgroup{dir: dir, enabled: enableAll(top)}, nil
}

// enableAll passes every controller on to the cgroups below dir, as far as that is
// possible, and returns what undoes it. Tests of limits need the controllers; a
// test that misses one says so itself.
func enableAll(dir string) (undo []string) {
	have, _ := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	control := filepath.Join(dir, "cgroup.subtree_control")
	on, _ := os.ReadFile(control)
	for _, c := range strings.Fields(string(have)) {
		if strings.Contains(" "+strings.TrimSpace(string(on))+" ", " "+c+" ") {
			continue
		}
		if os.WriteFile(control, []byte("+"+c), 0) == nil {
			undo = append(undo, "-"+c)
		}
	}
	return undo
}

// remove takes the cgroup and those below it away. Its processes are dead: their
// process 1 has ended.
func (c *cgroup) remove() {
	path := c.dir.Name()
	c.dir.Close()
	if err := removeTree(path); err != nil {
		fmt.Fprintln(os.Stderr, "sandbox: remove the cgroup:", err)
	}
	for _, off := range c.enabled {
		// Fails while another sandbox still uses it, and then it is left on.
		_ = os.WriteFile(filepath.Join(filepath.Dir(path), "cgroup.subtree_control"), []byte(off), 0)
	}
}

// removeTree removes cgroups bottom up. A cgroup stays busy for a moment after its
// last process was reaped, hence the second attempts.
func removeTree(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(path, e.Name())); err != nil {
				return err
			}
		}
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if err = os.Remove(path); err == nil || os.IsNotExist(err) {
			return nil
		}
		if time.Now().After(end) {
			return err
		}
	}
}

// removeStale removes what sandboxes left whose outer process was killed. Those
// that are alive are known by their pid, and a populated cgroup cannot be removed.
func removeStale(top string) {
	old, _ := filepath.Glob(filepath.Join(top, prefix+"*"))
	for _, path := range old {
		id, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), prefix), "-")
		pid, err := strconv.Atoi(id)
		if err != nil || unix.Kill(pid, 0) == nil {
			continue
		}
		if events, _ := os.ReadFile(filepath.Join(path, "cgroup.events")); strings.Contains(string(events), "populated 0") {
			_ = removeTree(path)
		}
	}
}

// enterCgroup mounts what is now the whole hierarchy and moves the program out of
// its root: only a cgroup without processes can pass controllers on, see cgroups(7)
// "no internal processes".
func enterCgroup(mountPoint string) error {
	if err := mount("cgroup2", mountPoint, "cgroup2", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	host := filepath.Join(mountPoint, "host")
	if err := os.Mkdir(host, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(host, "cgroup.procs"), []byte("0"), 0); err != nil {
		return err
	}
	enableAll(mountPoint)
	return nil
}
