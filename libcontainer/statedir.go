package libcontainer

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/spec"
)

// The files of a container's state directory.
const (
	recordFile = "state.json"  // the record
	configFile = "config.json" // a copy: later edits of the bundle change nothing
	uncommit   = "fifo"        // the FIFO until create commits it ...
	fifoFile   = "exec.fifo"   // ... by this name, until start removes it
	cgroupLink = "cgroup"      // the cgroup once more, in a form that cannot be half written
)

// What ends the name of a directory that is no container's; no id holds '@'.
const (
	inFlight = "@new"  // it is being made
	retired  = "@stop" // the container is deleted, and its poststop hooks run: see retired.go
)

// stateDir is the directory ROOT/ID, held open and, for verbs that change the
// container, locked: the lock is flock(2) on the directory.
type stateDir struct {
	root, id string
	suffix   string // inFlight, retired, or none
	file     *os.File
}

func (d *stateDir) path() string { return filepath.Join(d.root, d.id+d.suffix) }

func (d *stateDir) fd() int { return int(d.file.Fd()) }

func (d *stateDir) close() { _ = d.file.Close() }

// openState opens the state directory of a container that exists. Every verb comes by
// here with an id from outside: one that is no id must not become a path.
func openState(root, id string) (*stateDir, error) { return openSuffixed(root, id, "") }

func openSuffixed(root, id, suffix string) (*stateDir, error) {
	if err := spec.CheckID(id); err != nil {
		return nil, err
	}
	d := &stateDir{root: root, id: id, suffix: suffix}
	fd, err := unix.Open(d.path(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	switch {
	case err == unix.ENOENT:
		return nil, ErrNotExist
	case err != nil:
		return nil, rootError(sys.Fail(err, "open", sys.Quote(d.path())))
	}
	d.file = os.NewFile(uintptr(fd), id)
	return d, nil
}

// rootError is about the state root, not about a container.
func rootError(err error) error {
	return &Error{Err: err, Hint: "--root must be a directory that this user may read and write, or one that can be made; it holds a directory for each container."}
}

// reserve makes the state directory under a temporary name, locks it, lets fill
// write the record and the FIFO, and gives it its name without replacing another.
// From that moment on the id is taken, and delete --force finds everything.
func reserve(root, id string, fill func(*stateDir) error) (*stateDir, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, rootError(err)
	}
	if _, err := os.Lstat(filepath.Join(root, id)); err == nil {
		return nil, ErrExists
	}
	d, err := claim(root, id)
	if err != nil {
		return nil, err
	}
	if err = fill(d); err == nil {
		err = d.rename("")
	}
	if err != nil {
		_ = d.remove()
		if sys.Errno(err) == unix.EEXIST {
			return nil, ErrExists
		}
		return nil, err
	}
	return d, nil
}

// rename gives the directory its name with another suffix, without replacing another.
func (d *stateDir) rename(suffix string) error {
	to := filepath.Join(d.root, d.id+suffix)
	if err := unix.Renameat2(unix.AT_FDCWD, d.path(), unix.AT_FDCWD, to, unix.RENAME_NOREPLACE); err != nil {
		return sys.Fail(err, "renameat2", sys.Quote(to), "RENAME_NOREPLACE")
	}
	d.suffix = suffix
	return nil
}

// claim makes or takes over ROOT/ID@new and locks it. One that is there and not
// locked was left by a create that was killed.
func claim(root, id string) (*stateDir, error) {
	name := filepath.Join(root, id+inFlight)
	for {
		made := unix.Mkdir(name, 0o700)
		if made != nil && made != unix.EEXIST {
			return nil, sys.Fail(made, "mkdir", sys.Quote(name), "0700")
		}
		d, err := openSuffixed(root, id, inFlight)
		if errors.Is(err, ErrNotExist) {
			continue // another create has just finished or given up
		}
		if err != nil {
			return nil, err
		}
		if !d.tryLock(unix.LOCK_EX) {
			d.close()
			return nil, ErrExists
		}
		if d.current() {
			if made != nil {
				d.empty()
			}
			return d, nil
		}
		d.close()
	}
}

// empty removes the files; the record goes last, so that a removal that is killed
// can be repeated.
func (d *stateDir) empty() {
	for _, name := range []string{configFile, configFile + ".new", uncommit, fifoFile, recordFile + ".new", cgroupLink, recordFile} {
		_ = unix.Unlinkat(d.fd(), name, 0)
	}
}

// remove removes the directory under the name it has now, and lets go of it: the end of
// the container's existence. It reports a directory that holds something that is not
// ours.
func (d *stateDir) remove() error {
	d.empty()
	err := unix.Unlinkat(unix.AT_FDCWD, d.path(), unix.AT_REMOVEDIR)
	d.close()
	switch err {
	case nil, unix.ENOENT:
		return nil
	case unix.ENOTEMPTY, unix.EEXIST:
		return &Error{Err: sys.Fail(err, "rmdir", sys.Quote(d.path())), Hint: "Somebody has put files into it: remove them, and repeat delete --force."}
	}
	return sys.Fail(err, "rmdir", sys.Quote(d.path()))
}

// clearInFlight removes what a create of this id left that was killed before the
// id was taken.
func clearInFlight(root, id string) {
	d, err := openSuffixed(root, id, inFlight)
	if err != nil {
		return
	}
	if d.tryLock(unix.LOCK_EX) && d.current() {
		_ = d.remove()
		return
	}
	d.close()
}

// write replaces a file of the directory in one step. No fsync: /run is memory.
func (d *stateDir) write(name string, data []byte) error {
	temporary := name + ".new"
	fd, err := unix.Openat(d.fd(), temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return sys.Fail(err, "openat", sys.Quote(filepath.Join(d.path(), temporary)))
	}
	err = writeAll(fd, data)
	unix.Close(fd)
	if err == nil {
		err = unix.Renameat(d.fd(), temporary, d.fd(), name)
	}
	if err != nil {
		_ = unix.Unlinkat(d.fd(), temporary, 0)
		return sys.Fail(err, "write", sys.Quote(filepath.Join(d.path(), name)))
	}
	return nil
}

func writeAll(fd int, data []byte) error {
	for len(data) > 0 {
		n, err := unix.Write(fd, data)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// read gives the content of a file of the directory.
func (d *stateDir) read(name string) ([]byte, error) {
	fd, err := unix.Openat(d.fd(), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, sys.Fail(err, "openat", sys.Quote(filepath.Join(d.path(), name)))
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, sys.Fail(err, "fstat", sys.Quote(filepath.Join(d.path(), name)))
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, &stateError{text: filepath.Join(d.path(), name) + " is not a regular file"}
	}
	data, err := sys.ReadAll(fd, int(st.Size))
	return data, sys.Fail(err, "read", sys.Quote(filepath.Join(d.path(), name)))
}

// has tells whether a file is there.
func (d *stateDir) has(name string) bool {
	var st unix.Stat_t
	return unix.Fstatat(d.fd(), name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil
}
