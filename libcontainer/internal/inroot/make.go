package inroot

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// mostLinks is how many symbolic links may lie on one way, as in the kernel
// (path_resolution(7)).
const mostLinks = 40

// noLinks is a lookup below the root that follows nothing: what it opens lies where
// its name says.
const noLinks = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS

// MkdirAll opens a folder in the root, as an O_PATH descriptor, and makes the
// components that are missing, with mode 0755.
func MkdirAll(root int, path string) (int, error) {
	fd, err := Open(root, path, unix.O_PATH|unix.O_DIRECTORY)
	if err == nil || sys.Errno(err) != unix.ENOENT {
		return fd, err
	}
	return Make(root, path, false)
}

// Make makes what is not there, and opens it as an O_PATH descriptor: folders with
// mode 0755 and, when file is set, an empty file at the end with 0644.
func Make(root int, path string, file bool) (int, error) {
	fd, _, err := MakeAlong(root, path, file)
	return fd, err
}

// MakeAlong is Make, and tells how many links were on the way.
func MakeAlong(root int, path string, file bool) (fd, links int, err error) {
	parts := Split(path)
	if n := len(parts) - 1; n >= 0 && parts[n] != ".." {
		if fd := makeLast(root, Join(parts[:n]), parts[n], file); fd >= 0 {
			return fd, 0, nil
		}
	}
	return makeSlowly(root, parts, file)
}

// makeLast is the usual case: all but the last component is there, without a link. It gives
// -1 for every other, which makeSlowly looks into.
func makeLast(root int, parent, name string, file bool) int {
	at, err := open(root, parent, unix.O_PATH|unix.O_DIRECTORY, noLinks)
	if err != nil {
		return -1
	}
	defer unix.Close(at)
	if makeOne(at, name, file) != nil {
		return -1
	}
	fd, err := open(at, name, unix.O_PATH, noLinks)
	if err != nil {
		return -1
	}
	return fd
}

// makeOne makes a name in a folder; one that exists is an error.
func makeOne(at int, name string, file bool) error {
	if !file {
		if err := unix.Mkdirat(at, name, 0o755); err != nil {
			return sys.Fail(err, "mkdirat", sys.Quote(name), "0755")
		}
		return nil
	}
	fd, err := unix.Openat(at, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return sys.Fail(err, "openat", sys.Quote(name), "O_CREAT|O_EXCL", "0644")
	}
	return unix.Close(fd)
}

// makeSlowly goes component by component. Links are read and spliced in by hand, so
// that one that leads nowhere leads to what is then made: images come with links
// such as /etc/resolv.conf -> ../run/systemd/resolve/stub-resolv.conf, and mounts
// for them. Every name is made in a folder that was opened below the root without
// following anything: whoever swaps components meanwhile gets us to another place
// of the root at most.
func makeSlowly(root int, todo []string, file bool) (fd, links int, err error) {
	var done []string
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if name == ".." {
			if err := isFolder(root, done); err != nil {
				return -1, 0, err
			}
			done = done[:max(len(done)-1, 0)]
			continue
		}
		link, err := step(root, done, name, file && len(todo) == 0)
		if err != nil {
			return -1, 0, err
		}
		if link == "" {
			done = append(done, name)
			continue
		}
		if links++; links > mostLinks {
			return -1, 0, sys.Fail(unix.ELOOP, "openat2", "the root", sys.Quote(Join(append(done, name))))
		}
		if link[0] == '/' {
			done = nil
		}
		todo = append(Split(link), todo...)
	}
	flags := unix.O_PATH
	if !file {
		flags |= unix.O_DIRECTORY // a link may have led to a file after all
	}
	fd, err = open(root, Join(done), flags, noLinks)
	return fd, links, err
}

// isFolder: only a folder has a "..".
func isFolder(root int, path []string) error {
	fd, err := open(root, Join(path), unix.O_PATH|unix.O_DIRECTORY, noLinks)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// step looks at one name: the target of a link, or "" when it is something else,
// which it makes where nothing is.
func step(root int, parent []string, name string, file bool) (link string, err error) {
	at, err := open(root, Join(parent), unix.O_PATH|unix.O_DIRECTORY, noLinks)
	if err != nil {
		return "", err
	}
	defer unix.Close(at)
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(at, name, buf)
	switch {
	case err == nil && n > 0:
		return string(buf[:n]), nil
	case err == unix.EINVAL: // no link, so it is there
		return "", nil
	case err == unix.ENOENT:
		if err := makeOne(at, name, file); err != nil && sys.Errno(err) != unix.EEXIST {
			return "", err
		}
		return "", nil
	}
	return "", sys.Fail(err, "readlinkat", sys.Quote(Join(append(parent, name))))
}
