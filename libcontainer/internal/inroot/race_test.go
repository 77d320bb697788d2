package inroot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// swapper exchanges two names in the root as fast as it can: a folder and a link that
// leads out.
type swapper struct {
	stop atomic.Bool
	done chan error
	n    atomic.Int64
}

func swap(a, b string) *swapper {
	s := &swapper{done: make(chan error, 1)}
	go func() {
		for !s.stop.Load() {
			err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
			switch err {
			case nil:
				s.n.Add(1)
			case unix.ENOENT: // one is just being made
			default:
				s.done <- err
				return
			}
		}
		s.done <- nil
	}()
	return s
}

func (s *swapper) end(t *testing.T) {
	t.Helper()
	s.stop.Store(true)
	must(t, <-s.done)
	if n := s.n.Load(); n < 100 {
		t.Errorf("only %d exchanges", n)
	}
}

// attacks are what is done in the root while a component of the path is exchanged.
var attacks = map[string]func(root int, i int) (fd int, err error){
	"MkdirAll":      func(root, i int) (int, error) { return MkdirAll(root, fmt.Sprintf("a/b/%d/x/y", i)) },
	"Make a folder": func(root, i int) (int, error) { return Make(root, fmt.Sprintf("a/b/%d", i), false) },
	"Make a file":   func(root, i int) (int, error) { return Make(root, fmt.Sprintf("a/b/c/f%d", i), true) },
	"Parent": func(root, i int) (int, error) {
		dir, name, err := Parent(root, fmt.Sprintf("a/b/%d/p", i))
		if err != nil {
			return -1, err
		}
		return dir, unix.Mkfifoat(dir, name, 0o600)
	},
}

// Whoever exchanges components while we are on the way gets us to another place of the
// root at most (CVE-2021-30465).
func TestASwappedComponentLeadsNowhereElse(t *testing.T) {
	for what, attack := range attacks {
		for _, component := range []string{"a", "a/b"} {
			w := newSwappable(t, component)
			s := swap(filepath.Join(w.root, component), filepath.Join(w.root, "evil"))
			made := 0
			for i, begin := 0, time.Now(); time.Since(begin) < 100*time.Millisecond || made == 0 && time.Since(begin) < 20*time.Second; i++ {
				fd, err := attack(w.fd, i)
				if err == nil {
					made++
					w.inside(what, fd)
				}
				unix.Close(fd)
			}
			s.end(t)
			if got := strings.Join(onDisk(t, w.outside), " "); got != "/a/ /a/b/" {
				t.Errorf("%s with %s exchanged: outside there is %s", what, component, got)
			}
			if made == 0 {
				t.Errorf("%s with %s exchanged never succeeds", what, component)
			}
		}
	}
}

// What was made a moment ago may be a link by now.
func TestASwappedNameIsNotFollowed(t *testing.T) {
	for _, file := range []bool{false, true} {
		w := newSwappable(t, "a")
		fresh, evil := filepath.Join(w.root, "new"), filepath.Join(w.root, "evil")
		target, err := os.Readlink(evil)
		must(t, err)
		if file {
			target = filepath.Join(w.outside, "file")
			must(t, os.WriteFile(target, nil, 0o644))
		}
		s := swap(fresh, evil)
		for begin := time.Now(); time.Since(begin) < 300*time.Millisecond || s.n.Load() < 100 && time.Since(begin) < 20*time.Second; {
			_, _ = os.Remove(fresh), os.RemoveAll(evil)
			err := os.Symlink(target, evil)
			if errors.Is(err, fs.ErrExist) {
				continue // they were exchanged while one was being removed
			}
			must(t, err)
			if fd, err := Make(w.fd, "new", file); err == nil {
				w.inside("Make", fd)
				unix.Close(fd)
			}
		}
		s.end(t)
	}
}

// newSwappable has a folder for the component and a link to exchange it with.
func newSwappable(t *testing.T, component string) *tree {
	t.Helper()
	w := newTree(t, &choices{})
	must(t, os.MkdirAll(filepath.Join(w.root, "a/b/c"), 0o755))
	target := w.outside + "/a"
	if component == "a/b" {
		target = "../../../../../../../../.." + target
	}
	must(t, os.Symlink(target, filepath.Join(w.root, "evil")))
	return w
}

// inside asks the kernel where a descriptor is.
func (w *tree) inside(what string, fd int) {
	w.Helper()
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil || !strings.HasPrefix(path, w.root+"/") {
		w.Errorf("%s led to %s, %v", what, path, err)
	}
}

// The swapper catches who resolves a path and then uses it.
func TestTheSwapperCatchesWhoUsesPaths(t *testing.T) {
	w := newSwappable(t, "a")
	s := swap(filepath.Join(w.root, "a"), filepath.Join(w.root, "evil"))
	defer s.end(t)
	for i, begin := 0, time.Now(); time.Since(begin) < 30*time.Second; i++ {
		real, err := filepath.EvalSymlinks(filepath.Join(w.root, "a/b"))
		if err == nil && strings.HasPrefix(real, w.root+"/") { // checked, and then used
			_ = os.Mkdir(filepath.Join(real, fmt.Sprint(i)), 0o755)
		}
		if s.n.Load() >= 100 && len(onDisk(t, w.outside)) > 2 { // so many end asks for
			return
		}
	}
	t.Error("nothing was ever made outside")
}
