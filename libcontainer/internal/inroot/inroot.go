// Package inroot is the only way to reach anything in a container's root: by a
// descriptor of the root and openat2(2), never by a path string that is resolved
// twice. What lies in the root is the image author's, and other processes may move
// it about while we look.
//
// It runs in the early child and imports only syscall, unsafe, strconv, errors and
// x/sys/unix.
package inroot

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// tries bounds how often a lookup is repeated that a concurrent rename disturbed
// (openat2(2): EAGAIN).
const tries = 128

// below resolves as if root were "/": absolute links and ".." stay inside. Magic
// links (/proc/PID/fd) never count as a way.
const below = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS

// Open opens path in the root. The flags are those of open(2); O_CLOEXEC is added.
func Open(root int, path string, flags int) (int, error) {
	return open(root, path, flags, below)
}

// OpenPlain is Open for what must not be reached through any symbolic link.
func OpenPlain(root int, path string, flags int) (int, error) {
	return open(root, path, flags, below|unix.RESOLVE_NO_SYMLINKS)
}

// Over opens what is mounted on a folder, by a descriptor of the folder, which itself goes
// on to show what the mount hides. No path is resolved again, so that nobody can have
// another mount on it meanwhile: ".." of the root stays there, and goes up to the topmost
// mount as every component does (handle_dots in Linux' fs/namei.c). Like any lookup it
// takes the permission to search the folder.
func Over(folder int) (int, error) {
	fd, err := open(folder, "..", unix.O_PATH|unix.O_DIRECTORY, below)
	if err != nil {
		return -1, &sys.Error{Call: "openat2(the folder below the mount)", Errno: sys.Errno(err)}
	}
	return fd, nil
}

func open(root int, path string, flags int, resolve uint64) (int, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: resolve}
	for range tries {
		fd, err := unix.Openat2(root, path, &how)
		if err == unix.EAGAIN || err == unix.EINTR {
			continue
		}
		if err != nil {
			failed := &sys.Error{Call: "openat2(the root, " + sys.Quote(path) + ")", Errno: sys.Errno(err)}
			if err == unix.ENOTDIR && resolve&unix.RESOLVE_IN_ROOT != 0 {
				failed.Hint = noFolder(root, path)
			}
			return -1, failed
		}
		return fd, nil
	}
	return -1, sys.Fail(unix.EAGAIN, "openat2", "the root", sys.Quote(path))
}

// noFolder names the component of a path that is no folder; "" where there is none any
// more.
func noFolder(root int, path string) string {
	parts := Split(path)
	for i := range parts {
		upTo := Join(parts[:i+1])
		fd, err := unix.Openat2(root, upTo, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: below})
		if err != nil {
			return ""
		}
		var st unix.Stat_t
		err = unix.Fstat(fd, &st)
		unix.Close(fd)
		if err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
			return "/" + upTo + " in the root filesystem is no folder: give another path, or make it one in the image."
		}
	}
	return ""
}

// Split cuts a path into its components, without empty ones and ".". What ".."
// means is for the kernel to say, because the component before it may be a link.
func Split(path string) []string {
	var parts []string
	start := 0
	for i := 0; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		if part := path[start:i]; part != "" && part != "." {
			parts = append(parts, part)
		}
		start = i + 1
	}
	return parts
}

// Join puts components together; none are the root itself, ".".
func Join(parts []string) string {
	if len(parts) == 0 {
		return "."
	}
	path := parts[0]
	for _, p := range parts[1:] {
		path += "/" + p
	}
	return path
}

// Parent opens the folder that holds path, making it, and gives the last component.
// The name may be a link: whoever uses it must not follow.
func Parent(root int, path string) (dir int, name string, err error) {
	parts := Split(path)
	if len(parts) == 0 || parts[len(parts)-1] == ".." {
		return -1, "", sys.Fail(unix.EINVAL, "openat2", "the root", sys.Quote(path))
	}
	dir, err = MkdirAll(root, Join(parts[:len(parts)-1]))
	return dir, parts[len(parts)-1], err
}

// ReadFile reads a regular file of at most limit bytes. A FIFO, a device or a folder
// in its place is refused without waiting.
func ReadFile(root int, path string, limit int) ([]byte, error) {
	fd, err := Open(root, path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, sys.Fail(err, "fstat", sys.Quote(path))
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size > int64(limit) {
		return nil, sys.Fail(unix.EINVAL, "read", sys.Quote(path))
	}
	buf := make([]byte, limit)[:st.Size]
	got := 0
	for got < len(buf) {
		n, err := unix.Read(fd, buf[got:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, sys.Fail(err, "read", sys.Quote(path))
		}
		if n == 0 {
			break
		}
		got += n
	}
	return buf[:got], nil
}

// OpenProc opens a file below a trusted procfs handle. The file must be procfs' own:
// no mount on top of it, no magic link on the way.
func OpenProc(proc int, path string, flags int) (int, error) {
	return open(proc, path, flags, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_XDEV|unix.RESOLVE_NO_MAGICLINKS)
}

// WriteProc writes a value into a file of procfs in one write.
func WriteProc(proc int, path, value string) error {
	fd, err := OpenProc(proc, path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	err = sys.Retry(func() error { _, err := unix.Write(fd, []byte(value)); return err })
	if err != nil {
		return sys.Fail(err, "write", sys.Quote("/proc/"+path), sys.Quote(value))
	}
	return nil
}
