package libcontainer

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

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

// inFlight ends the name of a directory that is being made; no id holds '@'.
const inFlight = "@new"

// lockWait is how long a verb waits for another one on the same container.
const lockWait = 10 * time.Second

// meanwhileEvery is how often such a verb may do something while it waits.
const meanwhileEvery = 20 * time.Millisecond

// stateDir is the directory ROOT/ID, held open and, for verbs that change the
// container, locked: the lock is flock(2) on the directory.
type stateDir struct {
	root, id string
	file     *os.File
}

func (d *stateDir) path() string { return filepath.Join(d.root, d.id) }

func (d *stateDir) fd() int { return int(d.file.Fd()) }

func (d *stateDir) close() { _ = d.file.Close() }

// openState opens the state directory of a container that exists. Every verb comes by
// here with an id from outside: one that is no id must not become a path.
func openState(root, id string) (*stateDir, error) {
	if err := spec.CheckID(strings.TrimSuffix(id, inFlight)); err != nil {
		return nil, err
	}
	fd, err := unix.Open(filepath.Join(root, id), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	switch {
	case err == unix.ENOENT:
		return nil, ErrNotExist
	case err != nil:
		return nil, sys.Fail(err, "open", sys.Quote(filepath.Join(root, id)))
	}
	return &stateDir{root: root, id: id, file: os.NewFile(uintptr(fd), id)}, nil
}

// lockState opens and locks. While it has to wait for another verb it calls meanwhile,
// if there is one, again and again.
func lockState(root, id, verb string, meanwhile func(*stateDir)) (*stateDir, error) {
	for {
		d, err := openState(root, id)
		if err != nil {
			return nil, err
		}
		if err := d.lock(meanwhile); err != nil {
			d.close()
			return nil, err
		}
		if d.current() {
			return d, nil
		}
		d.close() // deleted, or deleted and made anew, while we waited
	}
}

// tryLock takes the lock if it is free.
func (d *stateDir) tryLock(how int) bool {
	return sys.Retry(func() error { return unix.Flock(d.fd(), how|unix.LOCK_NB) }) == nil
}

// lock waits for at most lockWait and then names who holds it.
func (d *stateDir) lock(meanwhile func(*stateDir)) error {
	if d.tryLock(unix.LOCK_EX) {
		return nil
	}
	locked := make(chan error, 1)
	go func() { locked <- sys.Retry(func() error { return unix.Flock(d.fd(), unix.LOCK_EX) }) }()
	late := time.After(lockWait)
	again := time.NewTicker(meanwhileEvery)
	defer again.Stop()
	for {
		select {
		case err := <-locked:
			return sys.Fail(err, "flock", sys.Quote(d.path()))
		case <-late:
			return &stateError{text: "another command has held this container for " + lockWait.String() + ": " + d.holder(),
				hint: "Wait for it, end it, or use delete --force, which kills the container first."}
		case <-again.C:
			if meanwhile != nil {
				meanwhile(d)
			}
		}
	}
}

// current tells whether the directory is still the one that has the name.
func (d *stateDir) current() bool { return sameFile(d.fd(), d.path()) }

func sameFile(fd int, path string) bool {
	var held, named unix.Stat_t
	return unix.Fstat(fd, &held) == nil && unix.Lstat(path, &named) == nil && held.Dev == named.Dev && held.Ino == named.Ino
}

// holder names the process that has the lock, from /proc/locks (proc_locks(5)),
// which is read only now.
func (d *stateDir) holder() string {
	var st unix.Stat_t
	locks, err := os.ReadFile("/proc/locks")
	if err != nil || unix.Fstat(d.fd(), &st) != nil {
		return "its process is not visible from here"
	}
	ending := []byte(":" + strconv.FormatUint(st.Ino, 10))
	for line := range bytes.Lines(locks) {
		f := bytes.Fields(line)
		if len(f) < 6 || string(f[1]) != "FLOCK" || !bytes.HasSuffix(f[5], ending) {
			continue
		}
		pid := string(f[4])
		args, _ := os.ReadFile("/proc/" + pid + "/cmdline")
		return "process " + pid + " (" + string(bytes.TrimSpace(bytes.ReplaceAll(args, []byte{0}, []byte{' '}))) + ")"
	}
	return "its process is not visible from here"
}

// reserve makes the state directory under a temporary name, locks it, lets fill
// write the record and the FIFO, and gives it its name without replacing another.
// From that moment on the id is taken, and delete --force finds everything.
func reserve(root, id string, fill func(*stateDir) error) (*stateDir, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(filepath.Join(root, id)); err == nil {
		return nil, ErrExists
	}
	d, err := claim(root, id)
	if err != nil {
		return nil, err
	}
	if err := fill(d); err != nil {
		d.clear(id + inFlight)
		return nil, err
	}
	err = unix.Renameat2(unix.AT_FDCWD, filepath.Join(root, id+inFlight), unix.AT_FDCWD, d.path(), unix.RENAME_NOREPLACE)
	if err != nil {
		d.clear(id + inFlight)
		if err == unix.EEXIST {
			return nil, ErrExists
		}
		return nil, sys.Fail(err, "renameat2", sys.Quote(d.path()), "RENAME_NOREPLACE")
	}
	return d, nil
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
		d, err := openState(root, id+inFlight)
		if errors.Is(err, ErrNotExist) {
			continue // another create has just finished or given up
		}
		if err != nil {
			return nil, err
		}
		d.id = id
		if !d.tryLock(unix.LOCK_EX) {
			d.close()
			return nil, ErrExists
		}
		if sameFile(d.fd(), name) {
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

// clear removes the directory under the name it has now, and lets go of it.
func (d *stateDir) clear(name string) {
	d.empty()
	_ = unix.Unlinkat(unix.AT_FDCWD, filepath.Join(d.root, name), unix.AT_REMOVEDIR)
	d.close()
}

// remove ends the container's existence. It reports a directory that holds
// something that is not ours.
func (d *stateDir) remove() error {
	d.empty()
	err := unix.Unlinkat(unix.AT_FDCWD, d.path(), unix.AT_REMOVEDIR)
	d.close()
	if err != nil && err != unix.ENOENT {
		return sys.Fail(err, "rmdir", sys.Quote(d.path()))
	}
	return nil
}

// clearInFlight removes what a create of this id left that was killed before the
// id was taken.
func clearInFlight(root, id string) {
	d, err := openState(root, id+inFlight)
	if err != nil {
		return
	}
	d.id = id
	if d.tryLock(unix.LOCK_EX) && sameFile(d.fd(), filepath.Join(root, id+inFlight)) {
		d.clear(id + inFlight)
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

// unlock lets other verbs at the container; the directory stays open.
func (d *stateDir) unlock() { _ = unix.Flock(d.fd(), unix.LOCK_UN) }
