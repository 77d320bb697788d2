package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// copyUp copies the content of a folder into the tmpfs that hides it (config.md,
// option tmpcopyup): owners, modes, times, links, sparse files, extended attributes and
// special files are kept. What is mounted in the hidden folder stays behind. Both
// folders are O_PATH descriptors.
//
// The hidden folder is the image's, and other containers may change it meanwhile:
// nothing in it is followed, and nothing is opened but regular files and folders.
func copyUp(hidden, mounted int, target string) error {
	from, err := openFolder(hidden, ".")
	if err != nil {
		return err
	}
	defer unix.Close(from)
	to, err := openFolder(mounted, ".")
	if err != nil {
		return err
	}
	defer unix.Close(to)
	var st unix.Stat_t
	if err := unix.Fstat(from, &st); err != nil {
		return sys.Fail(err, "fstat", "the hidden folder")
	}
	c := &copier{target: target, top: to, seen: map[inode]string{}, buf: make([]byte, 128<<10)}
	if err := c.content(from, to, ""); err != nil {
		return err
	}
	// The mode is an option of the mount.
	if err := unix.Fchown(to, int(st.Uid), int(st.Gid)); err != nil {
		return sys.Fail(err, "fchown", "the tmpfs")
	}
	return nil
}

type inode struct{ dev, ino uint64 }

type copier struct {
	target string // of the mount, for messages
	top    int
	seen   map[inode]string // files with several names: where the first is now
	buf    []byte
}

// fail builds the text only of what did not succeed: init collects no garbage.
func (c *copier) fail(err error, call, path string) error {
	if err == nil {
		return nil
	}
	return sys.Fail(err, call, sys.Quote(c.target+path))
}

const stay = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV

func openFolder(at int, name string) (int, error) { return openIn(at, name, unix.O_DIRECTORY) }

func openIn(at int, name string, flags uint64) (int, error) {
	how := unix.OpenHow{Flags: flags | unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: stay}
	for {
		fd, err := unix.Openat2(at, name, &how)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		return fd, err
	}
}

// content copies all that is in a folder.
func (c *copier) content(from, to int, path string) error {
	var entries []string
	for {
		n, err := unix.ReadDirent(from, c.buf)
		if err != nil {
			return c.fail(err, "getdents64", path)
		}
		if n == 0 {
			break
		}
		_, _, entries = unix.ParseDirent(c.buf[:n], -1, entries)
	}
	for _, name := range entries {
		if err := c.entry(from, to, name, path+"/"+name); err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) entry(from, to int, name, path string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(from, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return c.fail(err, "fstatat", path)
	}
	kind := st.Mode & unix.S_IFMT
	if kind != unix.S_IFDIR && st.Nlink > 1 {
		if first, ok := c.seen[inode{st.Dev, st.Ino}]; ok {
			return c.fail(unix.Linkat(c.top, first[1:], to, name, 0), "linkat", path)
		}
		c.seen[inode{st.Dev, st.Ino}] = path
	}
	var err error
	switch kind {
	case unix.S_IFDIR:
		err = c.folder(from, to, name, path)
	case unix.S_IFREG:
		err = c.file(from, to, name, path)
	case unix.S_IFLNK:
		err = c.link(from, to, name, path)
	default:
		err = c.fail(unix.Mknodat(to, name, st.Mode, int(st.Rdev)), "mknodat", path)
	}
	if err != nil {
		return err
	}
	return c.metadata(from, to, name, path, &st)
}

func (c *copier) folder(from, to int, name, path string) error {
	if err := unix.Mkdirat(to, name, 0o700); err != nil {
		return c.fail(err, "mkdirat", path)
	}
	source, err := openFolder(from, name)
	if err == unix.EXDEV {
		return nil // something is mounted there
	}
	if err != nil {
		return c.fail(err, "openat2", path)
	}
	defer unix.Close(source)
	target, err := openFolder(to, name)
	if err != nil {
		return c.fail(err, "openat2", path)
	}
	defer unix.Close(target)
	return c.content(source, target, path)
}

func (c *copier) link(from, to int, name, path string) error {
	n, err := unix.Readlinkat(from, name, c.buf)
	if err != nil {
		return c.fail(err, "readlinkat", path)
	}
	return c.fail(unix.Symlinkat(string(c.buf[:n]), to, name), "symlinkat", path)
}

func (c *copier) file(from, to int, name, path string) error {
	target, err := unix.Openat(to, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return sys.Fail(err, "openat", sys.Quote(c.target+path), "O_CREAT|O_EXCL")
	}
	defer unix.Close(target)
	source, err := openIn(from, name, 0)
	if err == unix.EXDEV {
		return nil
	}
	if err != nil {
		return c.fail(err, "openat2", path)
	}
	defer unix.Close(source)
	var st unix.Stat_t
	if err := unix.Fstat(source, &st); err != nil {
		return c.fail(err, "fstat", path)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return &Problem{Text: c.target + path + " in the folder that is copied turned into something else meanwhile"}
	}
	if err := c.data(source, target); err != nil {
		return &Problem{Text: "copy " + c.target + path + " into the tmpfs: " + err.Error(), Hint: "Give the tmpfs a larger size."}
	}
	return c.fail(unix.Ftruncate(target, st.Size), "ftruncate", path)
}

// data copies what is not a hole (lseek(2) SEEK_DATA).
func (c *copier) data(source, target int) error {
	for at := int64(0); ; {
		begin, err := unix.Seek(source, at, unix.SEEK_DATA)
		if err == unix.ENXIO {
			return nil // only a hole is left
		}
		if err != nil {
			return err
		}
		end, err := unix.Seek(source, begin, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		for at = begin; at < end; {
			n, err := unix.Pread(source, c.buf[:min(int64(len(c.buf)), end-at)], at)
			if err != nil {
				return err
			}
			if n == 0 {
				return nil // it has become shorter
			}
			if err := writeAt(target, c.buf[:n], at); err != nil {
				return err
			}
			at += int64(n)
		}
	}
}

func writeAt(fd int, b []byte, at int64) error {
	for len(b) > 0 {
		n, err := unix.Pwrite(fd, b, at)
		if err != nil {
			return err
		}
		b, at = b[n:], at+int64(n)
	}
	return nil
}

// metadata: the owner first, because a change of it takes capabilities and the set-id
// bits away (chown(2)).
func (c *copier) metadata(from, to int, name, path string, st *unix.Stat_t) error {
	if err := unix.Fchownat(to, name, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return c.fail(err, "fchownat", path)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		// The name is in our own tmpfs and no link, so nothing is followed.
		if err := unix.Fchmodat(to, name, st.Mode&0o7777, 0); err != nil {
			return c.fail(err, "fchmodat", path)
		}
	}
	if err := c.attributes(onFD(from)+"/"+name, onFD(to)+"/"+name); err != nil {
		return &Problem{Text: "copy the extended attributes of " + c.target + path + ": " + err.Error()}
	}
	times := []unix.Timespec{st.Atim, st.Mtim}
	return c.fail(unix.UtimesNanoAt(to, name, times, unix.AT_SYMLINK_NOFOLLOW), "utimensat", path)
}

// attributes copies those that a tmpfs can hold (user.* since Linux 6.6).
func (c *copier) attributes(from, to string) error {
	n, err := unix.Llistxattr(from, c.buf)
	if err != nil || n == 0 {
		return beyond(err)
	}
	for names := string(c.buf[:n]); names != ""; {
		name, rest, _ := cut(names, 0)
		names = rest
		n, err := unix.Lgetxattr(from, name, c.buf)
		if err == unix.ENODATA {
			continue // gone again
		}
		if err == nil {
			err = unix.Lsetxattr(to, name, c.buf[:n], 0)
		}
		if err := beyond(err); err != nil {
			return sys.Fail(err, "lsetxattr", sys.Quote(name))
		}
	}
	return nil
}

func beyond(err error) error {
	if err == unix.ENOTSUP {
		return nil
	}
	return err
}
