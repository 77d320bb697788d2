package libcontainer

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// pidFileTemp is the name under which a pid file is written before it gets its
// own: ".NAME" in the same directory.
func pidFileTemp(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
}

// pidFileError is about the path that --pid-file names.
func pidFileError(path string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Err: wrapped{"pid file " + strconv.Quote(path) + ": ", err},
		Hint: "Give --pid-file the path of a file, or of one that can be made: its directory must exist."}
}

// checkPidFile refuses a path that holds something other than a file, before
// anything is made: a rename would replace it (a device node, for example).
func checkPidFile(path string) error {
	for _, p := range []string{path, pidFileTemp(path)} {
		st, err := os.Lstat(p)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return pidFileError(path, err)
		case !st.Mode().IsRegular():
			return pidFileError(path, errors.New(p+" is not a regular file"))
		}
	}
	st, err := os.Stat(filepath.Dir(path))
	if err == nil && !st.IsDir() {
		err = &os.PathError{Op: "stat", Path: filepath.Dir(path), Err: unix.ENOTDIR}
	}
	return pidFileError(path, err)
}

// writePidFile writes the pid, in decimal without a newline (containerd parses it
// untrimmed), and puts the file in place in one step.
func writePidFile(path string, pid int) error {
	temporary := pidFileTemp(path)
	fd, err := unix.Open(temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return pidFileError(path, sys.Fail(err, "open", sys.Quote(temporary)))
	}
	err = writeAll(fd, strconv.AppendInt(nil, int64(pid), 10))
	unix.Close(fd)
	if err == nil {
		err = unix.Rename(temporary, path)
	}
	if err != nil {
		_ = unix.Unlink(temporary)
		return pidFileError(path, sys.Fail(err, "write", sys.Quote(path)))
	}
	return nil
}

// removePidFile takes back a pid file of a create that failed or was killed: the
// temporary one, and the file itself if it names this pid.
func removePidFile(path string, pid int) {
	if path == "" {
		return
	}
	if st, err := os.Lstat(pidFileTemp(path)); err == nil && st.Mode().IsRegular() {
		_ = unix.Unlink(pidFileTemp(path))
	}
	st, err := os.Lstat(path)
	if err != nil || !st.Mode().IsRegular() || pid <= 0 {
		return
	}
	if data, err := os.ReadFile(path); err == nil && string(data) == strconv.Itoa(pid) {
		_ = unix.Unlink(path)
	}
}
