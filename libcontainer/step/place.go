package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/inroot"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// place opens the target of a mount below the root, as an O_PATH descriptor, and makes
// what is missing: a file where isFile says so, a folder otherwise.
func place(env *Env, target string, isFile func() (bool, error)) (fd int, made bool, err error) {
	fd, err = inroot.OpenPlain(env.Root, target, unix.O_PATH)
	if err == nil {
		return fd, false, nil
	}
	byLink := sys.Errno(err) == unix.ELOOP
	if byLink {
		if err := devIsPlain(env, target); err != nil {
			return -1, false, err
		}
		fd, err = inroot.Open(env.Root, target, unix.O_PATH)
	}
	if err != nil && sys.Errno(err) == unix.ENOENT {
		var file bool
		if file, err = isFile(); err != nil {
			return -1, false, err
		}
		links := 0
		fd, links, err = inroot.MakeAlong(env.Root, target, file)
		made, byLink = true, byLink || links > 0 // one may have come meanwhile
	}
	if err != nil {
		return -1, false, err
	}
	err = notByLinkIntoProc(fd, target)
	if err == nil && byLink {
		err = notByLinkOntoDev(env, fd, target)
	}
	if err != nil {
		unix.Close(fd)
		return -1, false, err
	}
	return fd, made, nil
}

func aFolder() (bool, error) { return false, nil }

// notByLinkIntoProc: what may be covered in /proc is decided by the name of the target
// in compile; here a link of the image led there (CVE-2019-16884).
func notByLinkIntoProc(fd int, target string) error {
	if len(target) > len("/proc/") && target[:len("/proc/")] == "/proc/" || !onProc(fd) {
		return nil
	}
	return &Problem{Text: target + " leads into /proc through a link in the root filesystem, where nothing may be mounted",
		Hint: "Make it a folder of its own in the image."}
}

func onProc(fd int) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.PROC_SUPER_MAGIC
}

// plainPlace is for proc and sysfs: no link may be on the way, and what is there must
// be a folder.
func plainPlace(env *Env, target, kind string) (int, error) {
	return plainFolder(env, target, kind+" is to be mounted on it", "A link there could show a false "+kind+": make it an empty folder in the image.")
}

// plainFolder makes what is missing; a link may have come meanwhile.
func plainFolder(env *Env, path, purpose, hint string) (int, error) {
	links := 0
	fd, err := inroot.OpenPlain(env.Root, path, unix.O_PATH|unix.O_DIRECTORY)
	if sys.Errno(err) == unix.ENOENT {
		fd, links, err = inroot.MakeAlong(env.Root, path, false)
	}
	if n := sys.Errno(err); links == 0 && n != unix.ELOOP && n != unix.ENOTDIR {
		return fd, err
	}
	if err == nil {
		unix.Close(fd)
	}
	return -1, &Problem{Text: path + " in the root filesystem is not a plain folder, but " + purpose, Hint: hint}
}

// onFD is a path to what a descriptor shows; the working directory is procfs.
func onFD(fd int) string { return "self/fd/" + sys.Int(fd) }

func kindOfFile(fd int) (uint32, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, sys.Fail(err, "fstat")
	}
	return st.Mode & unix.S_IFMT, nil
}
