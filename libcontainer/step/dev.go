package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/inroot"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// What is made in /dev must be the container's: neither a link of the image may lead from
// there to a volume, nor one may lead a volume there. The nodes would be made on the host,
// what is called ptmx there removed, and all that would stay (CVE-2026-41579).

// devFolder opens /dev, or a folder in it, to make something there.
func devFolder(env *Env, path string) (int, error) {
	if path != "/dev" && env.kept.ledIntoDev {
		return -1, &Problem{Text: "a mount led into /dev through a link in the root filesystem, and may be on " + path + ", where a device is to be made",
			Hint: "Make the destination of the mount a folder of its own in the image."}
	}
	return plainFolder(env, path, "devices and links are to be made in it", "A link there could lead to a volume, that is to the host: make it a folder in the image.")
}

func inDev(path string) bool { return len(path) > len("/dev/") && path[:len("/dev/")] == "/dev/" }

// devIsPlain is for a mount on or below /dev that has a link on its way: /dev itself must
// not be it.
func devIsPlain(env *Env, target string) error {
	if target != "/dev" && !inDev(target) {
		return nil
	}
	fd, err := inroot.OpenPlain(env.Root, "/dev", unix.O_PATH|unix.O_DIRECTORY)
	if err == nil {
		return unix.Close(fd)
	}
	if n := sys.Errno(err); n != unix.ELOOP && n != unix.ENOTDIR {
		return err
	}
	return &Problem{Text: "/dev in the root filesystem is not a plain folder, but something is to be mounted on " + target,
		Hint: "A link there could lead to a volume, that is to the host: make it a folder in the image."}
}

// notByLinkOntoDev looks where a link led to. On a folder below /dev that is all right as
// long as no device is made there.
func notByLinkOntoDev(env *Env, fd int, target string) error {
	root, err := nameOf(env.Root)
	if err != nil {
		return err
	}
	there, err := nameOf(fd)
	if err != nil || len(there) < len(root) {
		return err
	}
	if root != "/" {
		there = there[len(root):]
	}
	switch {
	case there == target:
	case there == "/dev":
		return &Problem{Text: target + " leads to /dev through a link in the root filesystem, where devices and links are to be made",
			Hint: "Make it a folder of its own in the image."}
	case inDev(there):
		env.kept.ledIntoDev = true
	}
	return nil
}

// nameOf is the path of what a descriptor shows, as the host calls it.
func nameOf(fd int) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(onFD(fd), buf)
	if err != nil {
		return "", sys.Fail(err, "readlink", sys.Quote(onFD(fd)))
	}
	return string(buf[:n]), nil
}
