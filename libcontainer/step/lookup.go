package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// The functions here are for after a lookup has failed: they find which part of the
// path is why. The paths are those of the container, where init is by then.

// parts calls f with every beginning of a path that ends before a slash or at the end,
// until f has an answer; last says that it is the whole path.
func parts(path string, f func(part string, last bool) string) string {
	for i := 1; i <= len(path); i++ {
		last := i == len(path)
		if !last && (path[i] != '/' || path[i-1] == '/') {
			continue
		}
		if answer := f(path[:i], last); answer != "" {
			return answer
		}
	}
	return ""
}

// missing says what of a path is not there; "" where all of it is.
func missing(path string) string {
	elsewhere := "."
	if dir := usualFolder(baseName(path)); dir != "" {
		elsewhere = "; " + baseName(path) + " is in " + dir + "."
	}
	return parts(path, func(part string, last bool) string {
		var link, st unix.Stat_t
		err := unix.Lstat(part, &link)
		switch {
		case err == unix.ENOENT && last:
			return "The root filesystem has no " + part + elsewhere
		case err == unix.ENOENT:
			return "The root filesystem has no folder " + part + elsewhere
		case err != nil:
			return ""
		}
		switch err = unix.Stat(part, &st); {
		case err == unix.ELOOP:
			return part + " is a symbolic link that leads back to itself."
		case err == unix.ENOENT:
			return part + " is a symbolic link to " + target(part) + ", which the root filesystem does not have."
		case err == nil && !last && st.Mode&unix.S_IFMT != unix.S_IFDIR:
			return part + " is " + fileKind(st.Mode) + ", not a folder."
		}
		return ""
	})
}

// barred names the folder that the process's user may not pass.
func barred(path string) string {
	why := parts(path, func(part string, _ bool) string {
		var st unix.Stat_t
		if unix.Stat(part, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR || unix.Faccessat2(unix.AT_FDCWD, part, unix.X_OK, unix.AT_EACCESS) != unix.EACCES {
			return ""
		}
		return "User " + sys.Int(unix.Geteuid()) + " cannot pass " + part + ": its mode is " + sys.Octal(st.Mode&0o7777) + ", its owner " + owner(&st) + "."
	})
	if why == "" {
		return "A folder on the way is closed to the container's user."
	}
	return why
}

func owner(st *unix.Stat_t) string { return sys.Int(int(st.Uid)) + ":" + sys.Int(int(st.Gid)) }

func target(link string) string {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(link, buf)
	if err != nil {
		return "nowhere"
	}
	return string(buf[:n])
}

// fileKind names a kind of file in plain words (inode(7)).
func fileKind(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return "a folder"
	case unix.S_IFIFO:
		return "a FIFO"
	case unix.S_IFSOCK:
		return "a socket"
	case unix.S_IFCHR, unix.S_IFBLK:
		return "a device"
	}
	return "a file"
}

// usualFolder gives one of the usual folders in which the program is, "" where none.
func usualFolder(name string) string {
	if name == "" || name == "." || name == ".." {
		return ""
	}
	for _, dir := range usual {
		if executable(dir+"/"+name) == nil {
			return dir
		}
	}
	return ""
}

func baseName(path string) string {
	at := len(path)
	for at > 0 && path[at-1] != '/' {
		at--
	}
	return path[at:]
}
