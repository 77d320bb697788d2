package spawn

import (
	"errors"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Executable gives an O_PATH descriptor of our own program on a detached,
// read-only mount: the container meets its init's image as /proc/PID/exe, and
// must not be able to write to the file behind it (CVE-2019-5736). Where a mount
// cannot be made (no CAP_SYS_ADMIN over our mount namespace) it gives a sealed
// copy in memory.
//
// tree is what the mount hangs on, -1 for a copy. Whoever holds it can make the mount
// writable again: it is closed before user code is anywhere, on exec at the latest. That
// makes the kernel wait for all processors (100 us), which is better done while the child
// starts up, unless others might get at the child by then.
//
// With closed it gives a copy that nobody but its owner may read, for a child in a user
// namespace that others are in already. Those who hold CAP_SYS_PTRACE there may attach
// to any program that belongs to the namespace, dumpable or not, and this child still
// has the host's files before its eyes. A program that its own user may not read belongs
// to the namespace of the file's owner instead (fs/exec.c, would_dump; since Linux 4.10).
func Executable(closed bool) (fd, tree int, err error) {
	if closed {
		fd, err = sealedExecutable(0o111)
		return fd, -1, err
	}
	fd, tree, err = detachedExecutable()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EACCES) {
		fd, err = sealedExecutable(0o555)
		return fd, -1, err
	}
	return fd, tree, err
}

const self = "/proc/self/exe"

func detachedExecutable() (fd, tree int, err error) {
	tree, err = unix.OpenTree(unix.AT_FDCWD, self, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return -1, -1, sys.Fail(err, "open_tree", sys.Quote(self), "OPEN_TREE_CLONE")
	}
	if fd, err = onReadOnly(tree); err != nil {
		unix.Close(tree)
		return -1, -1, err
	}
	return fd, tree, nil
}

// onReadOnly makes the mount read-only and gives a descriptor of the file on it that has
// no power over the mount.
func onReadOnly(tree int) (int, error) {
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NODEV}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, attr); err != nil {
		return -1, sys.Fail(err, "mount_setattr", "MOUNT_ATTR_RDONLY")
	}
	path := "/proc/self/fd/" + strconv.Itoa(tree)
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, sys.Fail(err, "open", sys.Quote(path), "O_PATH")
	}
	if err := sameAsSelf(fd); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// sameAsSelf makes sure that the mount shows the file that runs now, not one that
// a mount covers.
func sameAsSelf(fd int) error {
	var ours, theirs unix.Stat_t
	if err := unix.Stat(self, &ours); err != nil {
		return sys.Fail(err, "stat", sys.Quote(self))
	}
	if err := unix.Fstat(fd, &theirs); err != nil {
		return sys.Fail(err, "fstat", "the detached executable")
	}
	if ours.Dev != theirs.Dev || ours.Ino != theirs.Ino {
		return errors.New("protect the runtime's executable: " + self + " is not the file on its mount")
	}
	return nil
}

const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

func sealedExecutable(mode uint32) (int, error) {
	source, err := os.Open(self)
	if err != nil {
		return -1, err
	}
	defer source.Close()
	fd, err := executableMemory()
	if err != nil {
		return -1, sys.Fail(err, "memfd_create", "mdrun")
	}
	copied := os.NewFile(uintptr(fd), "mdrun")
	defer copied.Close()
	if _, err := io.Copy(copied, source); err != nil {
		return -1, err
	}
	if err := unix.Fchmod(fd, mode); err != nil {
		return -1, sys.Fail(err, "fchmod", "the copy in memory", sys.Octal(mode))
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return -1, sys.Fail(err, "fcntl", "F_ADD_SEALS")
	}
	// A descriptor open for writing keeps execve from working (ETXTBSY).
	path := "/proc/self/fd/" + strconv.Itoa(fd)
	readOnly, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, sys.Fail(err, "open", sys.Quote(path), "O_PATH")
	}
	return readOnly, nil
}

// executableMemory makes the file. Linux 6.3 has MFD_EXEC for what shall be executed, and
// sysctl vm.memfd_noexec, which asks for it; before, it is EINVAL.
func executableMemory() (int, error) {
	fd, err := unix.MemfdCreate("mdrun", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if err == unix.EINVAL {
		return unix.MemfdCreate("mdrun", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	return fd, err
}
