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

// checkPidFile refuses a path that holds something other than a file, before
// anything is made: a rename would replace it (a device node, for example).
func checkPidFile(path string) error {
	for _, p := range []string{path, pidFileTemp(path)} {
		st, err := os.Lstat(p)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if !st.Mode().IsRegular() {
			return &stateError{text: "pid file " + p + " is not a regular file", hint: "Give --pid-file the path of a file, or one that does not exist yet."}
		}
	}
	if st, err := os.Stat(filepath.Dir(path)); err != nil {
		return err
	} else if !st.IsDir() {
		return &os.PathError{Op: "stat", Path: filepath.Dir(path), Err: unix.ENOTDIR}
	}
	return nil
}

// writePidFile writes the pid, in decimal without a newline (containerd parses it
// untrimmed), and puts the file in place in one step.
func writePidFile(path string, pid int) error {
	temporary := pidFileTemp(path)
	fd, err := unix.Open(temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return sys.Fail(err, "open", sys.Quote(temporary))
	}
	err = writeAll(fd, strconv.AppendInt(nil, int64(pid), 10))
	unix.Close(fd)
	if err == nil {
		err = unix.Rename(temporary, path)
	}
	if err != nil {
		_ = unix.Unlink(temporary)
		return sys.Fail(err, "write", sys.Quote(path))
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
