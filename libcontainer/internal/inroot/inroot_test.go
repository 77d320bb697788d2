package inroot

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// FuzzResolve makes up a tree with links and ".." and asks for paths in it. Every answer
// has to be the model's, what is made too, and nothing outside may change.
func FuzzResolve(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		b := make([]byte, 40+r.IntN(120))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := choices(b)
		w := newTree(t, &c)
		for range 3 {
			path := c.path()
			tries := []func(string) bool{w.tryMkdirAll, w.tryMakeFolder, w.tryMakeFile, w.tryParent}
			if !w.tryOpen(path) || !tries[c.of(len(tries))](path) {
				return
			}
		}
	})
}

func (w *tree) tryOpen(path string) bool {
	w.Helper()
	fd, err := Open(w.fd, path, unix.O_PATH)
	want, wantErr := (&walker{root: w.model}).walk(path)
	if !w.check("Open", path, fd, err, want, wantErr) {
		return false
	}
	fd, err = OpenPlain(w.fd, path, unix.O_PATH)
	want, wantErr = (&walker{root: w.model, plain: true}).walk(path)
	return w.check("OpenPlain", path, fd, err, want, wantErr) && w.intact("Open", path)
}

func (w *tree) tryMkdirAll(path string) bool {
	w.Helper()
	fd, err := MkdirAll(w.fd, path)
	want, wantErr := w.mkdirAll(path)
	return w.check("MkdirAll", path, fd, err, want, wantErr) && w.intact("MkdirAll", path)
}

// mkdirAll is the model's.
func (w *tree) mkdirAll(path string) (*node, error) {
	want, wantErr := (&walker{root: w.model, makes: true}).walk(path)
	if wantErr == nil && !want.isFolder() {
		return nil, unix.ENOTDIR
	}
	return want, wantErr
}

func (w *tree) tryMakeFolder(path string) bool { return w.tryMake(path, false) }
func (w *tree) tryMakeFile(path string) bool   { return w.tryMake(path, true) }

// tryMake asks for what is not there, as its callers do.
func (w *tree) tryMake(path string, file bool) bool {
	w.Helper()
	path = Join(Split(path))
	if _, err := (&walker{root: w.model}).walk(path); err != unix.ENOENT {
		return true
	}
	fd, err := Make(w.fd, path, file)
	want, wantErr := (&walker{root: w.model, makes: true, file: file}).walk(path)
	if !file && wantErr == nil && !want.isFolder() {
		wantErr = unix.ENOTDIR
	}
	return w.check("Make", path, fd, err, want, wantErr) && w.intact("Make", path)
}

func (w *tree) tryParent(path string) bool {
	w.Helper()
	fd, name, err := Parent(w.fd, path)
	parts := Split(path)
	if len(parts) == 0 || parts[len(parts)-1] == ".." {
		return w.check("Parent", path, fd, err, nil, unix.EINVAL)
	}
	want, wantErr := w.mkdirAll(Join(parts[:len(parts)-1]))
	if err == nil && name != parts[len(parts)-1] {
		w.Errorf("Parent(%q): the name %q", path, name)
	}
	return w.check("Parent", path, fd, err, want, wantErr) && w.intact("Parent", path)
}

func TestSplitAndJoin(t *testing.T) {
	for path, want := range map[string][]string{
		"": nil, "/": nil, ".": nil, "//.//": nil, "a": {"a"}, "/a/b/": {"a", "b"}, "a//./b": {"a", "b"}, "../a/..": {"..", "a", ".."}, "...": {"..."}, "/.a/b.": {".a", "b."},
	} {
		if got := Split(path); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
	for want, parts := range map[string][]string{".": nil, "a": {"a"}, "a/../b": {"a", "..", "b"}} {
		if got := Join(parts); got != want {
			t.Errorf("%q: %q, want %q", parts, got, want)
		}
	}
}

func TestWhatIsMadeHasOurModes(t *testing.T) {
	defer unix.Umask(unix.Umask(0))
	w := newTree(t, &choices{})
	must(t, os.Mkdir(filepath.Join(w.root, "there"), 0o700))
	for path, file := range map[string]bool{"there/new/deep/folder": false, "there/new/file": true} {
		fd, err := Make(w.fd, path, file)
		must(t, err)
		unix.Close(fd)
	}
	for path, want := range map[string]uint32{"there": unix.S_IFDIR | 0o700, "there/new": unix.S_IFDIR | 0o755, "there/new/deep/folder": unix.S_IFDIR | 0o755,
		"there/new/file": unix.S_IFREG | 0o644} {
		var st unix.Stat_t
		must(t, unix.Lstat(filepath.Join(w.root, path), &st))
		if st.Mode != want {
			t.Errorf("%s: mode %#o, want %#o", path, st.Mode, want)
		}
	}
}

// Whatever lies where a file should be, it is not waited for and not read.
func TestReadFileReadsOnlyRegularFiles(t *testing.T) {
	w := newTree(t, &choices{})
	must(t, os.WriteFile(filepath.Join(w.root, "file"), []byte("12345"), 0o644))
	must(t, os.WriteFile(filepath.Join(w.root, "empty"), nil, 0o644))
	must(t, os.WriteFile(filepath.Join(w.root, "large"), []byte("123456"), 0o644))
	must(t, os.WriteFile(filepath.Join(w.outside, "secret"), []byte("x"), 0o644))
	must(t, os.Mkdir(filepath.Join(w.root, "folder"), 0o755))
	must(t, unix.Mkfifo(filepath.Join(w.root, "fifo"), 0o644))
	for name, target := range map[string]string{"link": "/file", "out": w.outside + "/secret", "up": "../outside/secret", "loop": "loop"} {
		must(t, os.Symlink(target, filepath.Join(w.root, name)))
	}
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(socket)
	must(t, unix.Bind(socket, &unix.SockaddrUnix{Name: filepath.Join(w.root, "socket")}))
	for path, want := range map[string]error{
		"file": nil, "link": nil, "empty": nil, "large": unix.EINVAL, "folder": unix.EINVAL, "fifo": unix.EINVAL, "socket": unix.ENXIO, "out": unix.ENOENT,
		"up": unix.ENOENT, "loop": unix.ELOOP, "nothing": unix.ENOENT, "file/x": unix.ENOTDIR,
	} {
		got, err := ReadFile(w.fd, path, 5)
		if errnoOf(err) != want || err == nil && path != "empty" && string(got) != "12345" {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(root)
	for _, path := range []string{"/dev/zero", "/dev/null", "/dev/tty"} {
		if got, err := ReadFile(root, path, 5); err == nil {
			t.Errorf("%s: %q", path, got)
		}
	}
}

// The trusted procfs is left by no way that its own files offer.
func TestOpenProcStaysInProcfs(t *testing.T) {
	proc, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(proc)
	for path, want := range map[string]error{
		"self/status": nil, "self/task/../status": nil, "sys/kernel/ostype": nil, "self/nothing": unix.ENOENT,
		"self/root/etc": unix.ELOOP, "self/cwd/x": unix.ELOOP, "self/exe": unix.ELOOP, "self/fd/0": unix.ELOOP, "thread-self/root": unix.ELOOP,
		"../etc/passwd": unix.EXDEV, "/proc/self/status": unix.EXDEV, "self/../../etc": unix.EXDEV, "..": unix.EXDEV,
	} {
		fd, err := OpenProc(proc, path, unix.O_RDONLY)
		if errnoOf(err) != want {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
		if err == nil {
			unix.Close(fd)
		}
	}
	must(t, WriteProc(proc, "self/comm", "renamed"))
	if got, err := os.ReadFile("/proc/self/comm"); err != nil || string(got) != "renamed\n" {
		t.Errorf("%q, %v", got, err)
	}
	err = WriteProc(proc, "self/oom_score_adj", "x")
	if sys.Errno(err) != unix.EINVAL || err.Error() != `write("/proc/self/oom_score_adj", "x"): invalid argument` {
		t.Error(err)
	}
}

// Which component is no folder is what a person has to know.
func TestWhatIsNoFolderIsNamed(t *testing.T) {
	w := newTree(t, &choices{})
	must(t, os.MkdirAll(filepath.Join(w.root, "etc"), 0o755))
	must(t, os.WriteFile(filepath.Join(w.root, "etc/file"), nil, 0o644))
	must(t, os.Symlink("/etc/file", filepath.Join(w.root, "link")))
	for path, want := range map[string]string{"/etc/file/x/y": "/etc/file", "etc/./file/x": "/etc/file", "/link/x": "/link", "/etc/file/../x": "/etc/file"} {
		_, err := Open(w.fd, path, unix.O_PATH)
		var call *sys.Error
		if !errors.As(err, &call) || call.Errno != unix.ENOTDIR || !strings.HasPrefix(call.Hint, want+" in the root filesystem is no folder") {
			t.Errorf("%s: %v, %+v", path, err, call)
		}
		if _, err = Make(w.fd, path+"/new/er", false); !errors.As(err, &call) || !strings.Contains(call.Hint, "is no folder") {
			t.Errorf("Make %s: %v, %+v", path, err, call)
		}
	}
}

// Who must not be led elsewhere asks how many links were on the way to what was made.
func TestMakeCountsTheLinks(t *testing.T) {
	w := newTree(t, &choices{})
	must(t, os.Mkdir(filepath.Join(w.root, "d"), 0o755))
	must(t, os.Symlink("d", filepath.Join(w.root, "l")))
	must(t, os.Symlink("l/new", filepath.Join(w.root, "ll")))
	for path, want := range map[string]int{"d/x": 0, "d/y/z": 0, "l/x2": 1, "l/y2/z": 1, "ll": 2, "/d/../l/x3": 1} {
		fd, links, err := MakeAlong(w.fd, path, false)
		must(t, err)
		unix.Close(fd)
		if links != want {
			t.Errorf("%s: %d links, want %d", path, links, want)
		}
	}
}
