package inroot

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// choices makes decisions out of bytes; when they are used up it is always the first.
type choices []byte

func (c *choices) of(n int) int {
	if len(*c) == 0 {
		return 0
	}
	v := int((*c)[0]) % n
	*c = (*c)[1:]
	return v
}

func (c *choices) name() string { return string(rune('a' + c.of(3))) }

// path makes up a path: names, ".", "..", an absolute beginning, a slash too many.
func (c *choices) path() string {
	var b strings.Builder
	if c.of(3) == 1 {
		b.WriteString("/")
	}
	n := 1 + c.of(5)
	for i := range n {
		b.WriteString([]string{c.name(), c.name(), c.name(), "..", ".", c.name() + "/"}[c.of(6)])
		if i < n-1 {
			b.WriteString("/")
		}
	}
	return b.String()
}

// tree is a root in a folder, with something beside it, and its model.
type tree struct {
	*testing.T
	dir, root, outside string
	fd                 int
	model              *node
}

func newTree(t *testing.T, c *choices) *tree {
	t.Helper()
	dir := t.TempDir()
	w := &tree{T: t, dir: dir, root: filepath.Join(dir, "root"), outside: filepath.Join(dir, "outside"), model: newFolder(nil)}
	must(t, os.MkdirAll(filepath.Join(w.outside, "a/b"), 0o755))
	must(t, os.Mkdir(w.root, 0o755))
	for range c.of(16) {
		w.grow(c)
	}
	var err error
	w.fd, err = unix.Open(w.root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(w.fd) })
	must(t, w.number(w.model, w.root))
	return w
}

// grow adds one node somewhere, on the disk and in the model.
func (w *tree) grow(c *choices) {
	w.Helper()
	at, path := w.model, w.root
	for range c.of(4) {
		name := c.name()
		next := at.children[name]
		if next == nil || !next.isFolder() {
			break
		}
		at, path = next, filepath.Join(path, name)
	}
	name := c.name()
	path = filepath.Join(path, name)
	if at.children[name] != nil {
		return
	}
	switch c.of(4) {
	case 0, 1:
		at.children[name] = newFolder(at)
		must(w.T, os.Mkdir(path, 0o755))
	case 2:
		at.children[name] = &node{parent: at}
		must(w.T, os.WriteFile(path, nil, 0o644))
	default:
		target := c.path()
		switch c.of(8) {
		case 6:
			target = w.outside + "/" + target
		case 7:
			target = "../../../../../../../.." + w.outside + "/a"
		}
		at.children[name] = &node{parent: at, target: target}
		must(w.T, os.Symlink(target, path))
	}
}

// number takes over the inode numbers.
func (w *tree) number(n *node, path string) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return err
	}
	n.ino = st.Ino
	for name, c := range n.children {
		if err := w.number(c, filepath.Join(path, name)); err != nil {
			return err
		}
	}
	return nil
}

// onDisk names everything below a folder, as list does.
func onDisk(t *testing.T, dir string) (lines []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name := strings.TrimPrefix(path, dir)
		switch {
		case d.IsDir():
			name += "/"
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			must(t, err)
			name += " -> " + target
		}
		lines = append(lines, name)
		return nil
	}))
	slices.Sort(lines)
	return lines
}

// check compares an answer with the model's. It is false where there is none: while
// others rename all the time, the kernel does not trust ".." (openat2(2), EAGAIN), and
// the case is over.
func (w *tree) check(what, path string, fd int, err error, want *node, wantErr error) bool {
	w.Helper()
	defer unix.Close(fd)
	if errnoOf(err) == unix.EAGAIN {
		return false
	}
	if wantErr != nil || err != nil {
		if errnoOf(err) != wantErr {
			w.Fatalf("%s(%q): %v, want %v in\n%s", what, path, err, wantErr, strings.Join(w.model.list(""), "\n"))
		}
		return true
	}
	var st unix.Stat_t
	must(w.T, unix.Fstat(fd, &st))
	if want.ino == 0 { // it was made just now: where?
		must(w.T, w.number(w.model, w.root))
	}
	if st.Ino != want.ino {
		w.Fatalf("%s(%q): another node than the model's, in\n%s", what, path, strings.Join(w.model.list(""), "\n"))
	}
	return true
}

func errnoOf(err error) error {
	for err != nil {
		if n, ok := err.(unix.Errno); ok {
			return n
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		err = u.Unwrap()
	}
	return nil
}

// intact compares the whole tree with the model's, and what is outside with what it was.
func (w *tree) intact(what, path string) bool {
	w.Helper()
	if got, want := onDisk(w.T, w.root), w.model.list(""); !slices.Equal(got, want) {
		w.Fatalf("%s(%q): the tree is\n%s\nand should be\n%s", what, path, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := onDisk(w.T, w.outside); !slices.Equal(got, []string{"/a/", "/a/b/"}) {
		w.Fatalf("%s(%q): outside there is %q", what, path, got)
	}
	return true
}
