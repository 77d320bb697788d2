package cgroupv2

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// descent goes through everything below a cgroup. A container that may make cgroups decides
// how many there are and how deep they lie, so nothing here has a limit that it could
// reach: neither the stack, nor the number of descriptors (two), nor the length of a path.
// Down it goes by name, up by ".." (in this version of cgroups none can be renamed or
// moved, kernel/cgroup/cgroup.c, cgroup_kf_syscall_ops), to what it came from and nowhere
// else. What is remembered of a cgroup is its name, far less than it costs the kernel.
//
// What is removed meanwhile, or made where it has been, is no error and not seen.
type descent struct {
	// visit is called in every cgroup.
	visit func(dir int) error
	// enter is asked before each, leave is called after it and all that is below it; both
	// with the one above.
	enter func(dir int, name string) (bool, error)
	leave func(dir int, name string) error

	entries []byte // room for getdents64
}

// level is one directory on the way down: which it is, and what is left to do in it.
type level struct {
	inode uint64
	names []string
}

func (w *descent) below(top int) error {
	at, err := openBeneath(top, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer func() { unix.Close(at) }()
	first, err := w.read(at)
	if err != nil {
		return err
	}
	for way := []level{first}; ; {
		here := &way[len(way)-1]
		if len(here.names) > 0 {
			next, err := w.down(at, here.names[0])
			if err != nil {
				return err
			}
			if next < 0 {
				here.names = here.names[1:]
				continue
			}
			unix.Close(at)
			at = next
			below, err := w.read(at)
			if err != nil {
				return err
			}
			way = append(way, below)
			continue
		}
		if way = way[:len(way)-1]; len(way) == 0 {
			return nil
		}
		here = &way[len(way)-1]
		up, err := parent(at, here.inode)
		if err != nil {
			return err
		}
		unix.Close(at)
		at = up
		if w.leave != nil {
			if err := w.leave(at, here.names[0]); err != nil {
				return err
			}
		}
		here.names = here.names[1:]
	}
}

// down opens a cgroup and visits it; -1 where it is gone or not to be entered.
func (w *descent) down(at int, name string) (int, error) {
	if w.enter != nil {
		if enter, err := w.enter(at, name); err != nil || !enter {
			return -1, err
		}
	}
	next, err := openBeneath(at, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if gone(err) {
		return -1, nil
	}
	if err == nil && w.visit != nil {
		if err = w.visit(next); err != nil {
			unix.Close(next)
		}
	}
	return next, err
}

// parent opens the directory above, if it is the one with this inode number.
func parent(at int, inode uint64) (int, error) {
	up, err := unix.Openat(at, "..", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(up, &st); err == nil && st.Ino != inode {
		err = errors.New("a cgroup has moved")
	}
	if err != nil {
		unix.Close(up)
		return -1, err
	}
	return up, nil
}

// read lists the directories in a directory (getdents64(2)); one that was removed has none.
func (w *descent) read(dir int) (level, error) {
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return level{}, err
	}
	l := level{inode: st.Ino}
	if w.entries == nil {
		w.entries = make([]byte, 16<<10)
	}
	for {
		n, err := unix.Getdents(dir, w.entries)
		if err == unix.EINTR {
			continue
		}
		if gone(err) || err == nil && n == 0 {
			return l, nil
		}
		if err != nil {
			return l, err
		}
		l.names = directories(w.entries[:n], l.names)
	}
}

// directories appends the names of directories among entries: inode (8 bytes), offset (8),
// length (2), type (1), name.
func directories(entries []byte, names []string) []string {
	const nameAt = 19
	for len(entries) > nameAt {
		length := int(binary.NativeEndian.Uint16(entries[16:]))
		name := unix.ByteSliceToString(entries[nameAt:length])
		if entries[18] == unix.DT_DIR && name != "." && name != ".." {
			names = append(names, name)
		}
		entries = entries[length:]
	}
	return names
}
