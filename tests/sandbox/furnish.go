package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// furnish builds the sandbox's file system in the private mount namespace and, when
// root names a tree, makes that the root directory.
func furnish(root string) error {
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	kept, err := openKept(cwd)
	if err != nil {
		return err
	}
	if root, err = ownRoot(root); err != nil {
		return err
	}
	for _, f := range []func(string) error{freshKernelTrees, freshDev, freshScratch} {
		if err := f(root); err != nil {
			return err
		}
	}
	for _, k := range kept {
		if err := k.show(root); err != nil {
			return err
		}
	}
	if root != "/" {
		if err := pivot(root); err != nil {
			return err
		}
	}
	if err := os.Chdir(cwd); err != nil && root == "/" {
		return err
	}
	if err := unix.Sethostname([]byte("sandbox")); err != nil {
		return os.NewSyscallError("sethostname", err)
	}
	return loopbackUp()
}

// ownRoot turns a foreign tree into a mount point, which pivot_root wants, and
// guards it against the runtime: nothing in it may change.
func ownRoot(root string) (string, error) {
	if root == "" || root == "/" {
		return "/", nil
	}
	if err := mount(root, root, "", unix.MS_BIND, ""); err != nil {
		return "", err
	}
	return root, mount("", root, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
}

// freshKernelTrees replaces proc, sysfs and the cgroup hierarchy. The old ones are
// taken away and not just covered: a runtime that reads the mount table would find
// the machine's cgroup version 1 mounts.
func freshKernelTrees(root string) error {
	for _, dir := range []string{"proc", "sys", "dev"} {
		if err := detach(filepath.Join(root, dir)); err != nil {
			return err
		}
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := mount("proc", filepath.Join(root, "proc"), "proc", flags, ""); err != nil {
		return err
	}
	if err := mount("sysfs", filepath.Join(root, "sys"), "sysfs", flags, ""); err != nil {
		return err
	}
	return enterCgroup(filepath.Join(root, "sys/fs/cgroup"))
}

// detach removes every mount on path and below it.
func detach(path string) error {
	for {
		err := unix.Unmount(path, unix.MNT_DETACH)
		if errors.Is(err, unix.EINVAL) { // not a mount point (any more)
			return nil
		}
		if err != nil {
			return fmt.Errorf("umount %s: %w", path, err)
		}
	}
}

// freshDev makes a /dev that holds nothing of the machine: a runtime may replace or
// remove what is in it.
func freshDev(root string) error {
	dev := filepath.Join(root, "dev")
	if err := mount("dev", dev, "tmpfs", unix.MS_NOSUID, "mode=755"); err != nil {
		return err
	}
	for name, minor := range map[string]uint32{"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9} {
		if err := node(filepath.Join(dev, name), 1, minor); err != nil {
			return err
		}
	}
	if err := node(filepath.Join(dev, "tty"), 5, 0); err != nil {
		return err
	}
	for name, target := range map[string]string{
		"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2",
	} {
		if err := os.Symlink(target, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	if err := mountIn(dev, "pts", "devpts", "newinstance,ptmxmode=0666,mode=620"); err != nil {
		return err
	}
	if err := mountIn(dev, "shm", "tmpfs", "mode=1777"); err != nil {
		return err
	}
	return mountIn(dev, "mqueue", "mqueue", "")
}

func node(path string, major, minor uint32) error {
	if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(major, minor))); err != nil {
		return fmt.Errorf("mknod %s: %w", path, err)
	}
	return os.Chmod(path, 0o666) // the umask took its share
}

// freshScratch covers /run and /tmp.
func freshScratch(root string) error {
	if err := mount("run", filepath.Join(root, "run"), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return err
	}
	return mount("tmp", filepath.Join(root, "tmp"), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777")
}

// kept is a file or directory right below /tmp or /run that the program needs in the
// sandbox too.
type kept struct {
	path string
	fd   int // its handle from before the cover
}

// openKept finds what in /tmp and /run holds the program, its working directory, the
// files the go command wants written, and the runtime under test.
func openKept(cwd string) ([]kept, error) {
	paths := []string{cwd + "/.", os.Getenv("GOCOVERDIR") + "/.", os.Getenv("RUNTIME")}
	if exe, err := os.Readlink("/proc/self/exe"); err == nil {
		paths = append(paths, exe)
	}
	for _, arg := range os.Args[1:] {
		if _, value, ok := strings.Cut(arg, "="); ok {
			arg = value
		}
		paths = append(paths, arg)
	}
	var all []kept
	for _, p := range paths {
		top := belowScratch(p)
		if top == "" || slices.ContainsFunc(all, func(k kept) bool { return k.path == top }) {
			continue
		}
		fd, err := unix.Open(top, unix.O_PATH|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", top, err)
		}
		all = append(all, kept{top, fd})
	}
	return all, nil
}

// belowScratch names what right below /tmp or /run holds the file p, or "" when p
// lies elsewhere: "/tmp/go-build1/b001/x.test" gives "/tmp/go-build1".
func belowScratch(p string) string {
	for _, top := range []string{"/tmp/", "/run/"} {
		if rest, ok := strings.CutPrefix(p, top); ok {
			if name, _, _ := strings.Cut(rest, "/"); name != "" && name != "." && name != ".." {
				return top + name
			}
		}
	}
	return ""
}

func (k kept) show(root string) error {
	target := filepath.Join(root, k.path)
	var st unix.Stat_t
	if err := unix.Fstat(k.fd, &st); err != nil {
		return fmt.Errorf("fstat %s: %w", k.path, err)
	}
	var err error
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		err = os.Mkdir(target, 0o755)
	} else {
		err = os.WriteFile(target, nil, 0o644)
	}
	if err != nil {
		return err
	}
	return mount(fmt.Sprintf("/proc/self/fd/%d", k.fd), target, "", unix.MS_BIND|unix.MS_REC, "")
}

// pivot makes root the root directory and drops the old one; see pivot_root(2),
// NOTES, for the two dots.
func pivot(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return os.NewSyscallError("pivot_root", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return os.NewSyscallError("umount2", err)
	}
	return os.Chdir("/")
}

func mountIn(dev, name, fstype, data string) error {
	dir := filepath.Join(dev, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return mount(fstype, dir, fstype, unix.MS_NOSUID|unix.MS_NOEXEC, data)
}

func mount(source, target, fstype string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, fstype, flags, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", source, target, err)
	}
	return nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP)
	return os.NewSyscallError("ioctl(SIOCSIFFLAGS)", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req))
}
