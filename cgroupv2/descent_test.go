package cgroupv2

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fewDescriptors is a limit that something with one for each level would soon meet.
func fewDescriptors(t *testing.T) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	few := unix.Rlimit{Cur: 64, Max: was.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &was) })
}

// dig makes a directory in a directory, so often, and gives the lowest.
func dig(t *testing.T, top, name string, levels int) (lowest int) {
	t.Helper()
	at, err := unix.Open(top, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	for range levels {
		if err == nil {
			err = unix.Mkdirat(at, name, 0o755)
		}
		var next int
		if err == nil {
			next, err = unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(at)
		at = next
	}
	t.Cleanup(func() { unix.Close(at) })
	return at
}

// A container that may make cgroups makes as many as it likes, as deep as it likes.
func TestNoNumberOfCgroupsBelowIsTooMany(t *testing.T) {
	const many = 2000
	h := tree(t, map[string]string{"deep/cgroup.procs": "1\n", "wide/cgroup.procs": "2\n"})
	fewDescriptors(t)
	lowest := dig(t, h.mount+"/deep", strings.Repeat("d", 200), many)
	if err := unix.Mkdirat(lowest, "last", 0o755); err != nil {
		t.Fatal(err)
	}
	procs, err := unix.Openat(lowest, "cgroup.procs", unix.O_CREAT|unix.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(procs, []byte("3\n2\n")); err != nil {
		t.Fatal(err)
	}
	unix.Close(procs)
	for i := range many {
		if err := os.MkdirAll(h.mount+"/wide/"+strconv.Itoa(i)+"/below", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c, err := h.OpenCgroup("/deep")
	if err != nil {
		t.Fatal(err)
	}
	pids, err := c.Procs()
	if err != nil || !slices.Equal(pids, []int{1, 2, 3}) {
		t.Errorf("%v, %v", pids, err)
	}
	// cgroupfs has files that are in nobody's way; here they are.
	if err := errors.Join(unix.Unlinkat(lowest, "cgroup.procs", 0), os.Remove(h.mount+"/deep/cgroup.procs"), os.Remove(h.mount+"/wide/cgroup.procs")); err != nil {
		t.Fatal(err)
	}
	c.Close()
	for _, p := range []string{"/deep", "/wide"} {
		if err := h.Delete([]Made{{Path: p}}, "", nil); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(h.mount + p); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", p, err)
		}
	}
}

// The way up leads to where the way down began, and nowhere else.
func TestTheWayUpIsTheWayBack(t *testing.T) {
	h := tree(t, map[string]string{"a/b/x": "", "c/x": ""})
	w := descent{visit: func(int) error { return os.Rename(h.mount+"/a/b", h.mount+"/c/b") }}
	c, err := h.OpenCgroup("/a")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := w.below(c.fd); err == nil || err.Error() != "a cgroup has moved" {
		t.Errorf("%v", err)
	}
}

// Cgroups come and go while they are listed.
func TestACgroupThatIsGoneIsNoError(t *testing.T) {
	h := tree(t, map[string]string{"a/cgroup.procs": "1\n", "a/b/cgroup.procs": "2\n", "a/b/c/cgroup.procs": "3\n", "a/d/cgroup.procs": "4\n", "a/e/x": ""})
	c, err := h.OpenCgroup("/a")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var seen []string
	w := descent{visit: func(dir int) error {
		text, err := readFile(dir, "cgroup.procs")
		seen = append(seen, strings.TrimSpace(text))
		if gone(err) {
			return nil // as e never had any
		}
		// All that is below the top goes, the one that we are in too.
		for _, name := range []string{"b", "d", "e"} {
			if err := os.RemoveAll(h.mount + "/a/" + name); err != nil {
				return err
			}
		}
		return err
	}}
	if err := w.below(c.fd); err != nil || len(seen) > 2 {
		t.Errorf("%v, %v", seen, err)
	}
	if pids, err := c.Procs(); err != nil || !reflect.DeepEqual(pids, []int{1}) {
		t.Errorf("%v, %v", pids, err)
	}
}
