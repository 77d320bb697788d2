package cgroupv2

import (
	"errors"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Mount is where the hierarchy is mounted (cgroups(7)).
const Mount = "/sys/fs/cgroup"

// Path names a cgroup: absolute, clean, from the mount point; never the root itself.
type Path string

// Made is a directory on the way to a cgroup, and whether it was there before.
type Made struct {
	Path    string
	Existed bool
}

// Hierarchy is the mounted cgroup v2 tree, reached by descriptor only.
type Hierarchy struct {
	mount string
	fd    int
}

// Open opens the hierarchy on its usual place.
func Open() (*Hierarchy, error) { return OpenAt(Mount) }

// OpenAt opens the hierarchy that is mounted on dir.
func OpenAt(dir string) (*Hierarchy, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
		unix.Close(fd)
		return nil, &HostError{Text: "no cgroup v2 hierarchy is mounted on " + dir,
			Hint: "mdrun needs cgroup v2 alone: boot with systemd.unified_cgroup_hierarchy=1, or mount -t cgroup2 none " + dir + " in a mount namespace."}
	}
	return &Hierarchy{mount: dir, fd: fd}, nil
}

// Close gives up the descriptor.
func (h *Hierarchy) Close() { _ = unix.Close(h.fd) }

// HostError is a state of the host or of a cgroup that stands in the way.
type HostError struct {
	Text, Hint string
	Controller string // the controller that is missing; "" for all else
}

func (e *HostError) Error() string { return e.Text }

// beneath keeps every lookup below its start, on this filesystem, without links.
const beneath = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS

func openBeneath(fd int, name string, flags int) (int, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: beneath}
	for {
		got, err := unix.Openat2(fd, name, &how)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		return got, err
	}
}

func relative(p string) string {
	if p = strings.TrimPrefix(path.Clean("/"+p), "/"); p != "" {
		return p
	}
	return "."
}

// Locate gives the path of a container's cgroup (config-linux.md "Cgroups Path"): an
// absolute cgroupsPath counts from the mount point; a relative one, and the id where
// none is given, from the parent of the runtime's own cgroup.
func (h *Hierarchy) Locate(cgroupsPath, id string) (Path, error) {
	own := ""
	if !strings.HasPrefix(cgroupsPath, "/") {
		var err error
		if own, err = ownCgroup(); err != nil {
			return "", err
		}
	}
	return locate(cgroupsPath, id, own)
}

func locate(cgroupsPath, id, own string) (Path, error) {
	where := cgroupsPath
	switch {
	case strings.ContainsRune(where, 0):
		return "", &ValueError{Field: ".linux.cgroupsPath", Text: "the path holds a NUL byte"}
	case strings.Count(where, ":") == 2 && !strings.HasPrefix(where, "/"):
		return "", &ValueError{Field: ".linux.cgroupsPath", Text: "the systemd cgroup driver is not supported yet",
			Hint: "Give a path instead of slice:prefix:name; with an engine, choose its cgroupfs driver."}
	case where == "":
		where = id
	}
	if !strings.HasPrefix(where, "/") {
		// Cleaned by itself first: ".." must not lead above the base.
		where = path.Dir(own) + "/" + strings.TrimPrefix(path.Clean("/"+where), "/")
	}
	where = path.Clean("/" + where)
	return Path(where), fits(where)
}

// fits tells what is wrong with the path of a cgroup.
func fits(where string) error {
	if where == "/" {
		return &ValueError{Field: ".linux.cgroupsPath", Text: "the root cgroup cannot be a container's: every process of the host is in it",
			Hint: "Give a path below it, or leave it out."}
	}
	for name := range strings.SplitSeq(where, "/") {
		if len(name) > unix.NAME_MAX {
			return &ValueError{Field: ".linux.cgroupsPath", Text: "a name of " + strconv.Itoa(len(name)) + " bytes", Hint: "The kernel takes 255 for each."}
		}
	}
	switch {
	case len(where) > unix.PathMax/2: // with the mount point and a file it stays below the limit of the kernel
		return &ValueError{Field: ".linux.cgroupsPath", Text: "a path of " + strconv.Itoa(len(where)) + " bytes", Hint: "At most 2048 are possible."}
	case strings.ContainsRune(where, '\n'):
		return &ValueError{Field: ".linux.cgroupsPath", Text: "the path holds a line break", Hint: "The kernel takes none: it would break the lines of /proc/PID/cgroup."}
	}
	return nil
}

// ownCgroup is the line "0::" of /proc/self/cgroup.
func ownCgroup() (string, error) {
	fd, err := unix.Open("/proc/self/cgroup", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &os.PathError{Op: "open", Path: "/proc/self/cgroup", Err: err}
	}
	defer unix.Close(fd)
	text, err := readAll(fd)
	if err != nil {
		return "", &os.PathError{Op: "read", Path: "/proc/self/cgroup", Err: err}
	}
	for line := range strings.Lines(text) {
		if own, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return path.Clean("/" + own), nil
		}
	}
	return "", &HostError{Text: "this process is in no cgroup of the cgroup v2 hierarchy"}
}

// Way lists the directories on the way to a cgroup, and the cgroup's own.
func Way(p string) []Made {
	parts := strings.Split(strings.TrimPrefix(p, "/"), "/")
	way := make([]Made, len(parts))
	for i := range parts {
		way[i] = Made{Path: "/" + strings.Join(parts[:i+1], "/")}
	}
	return way
}

// Survey tells of every directory from the top down to p whether it is there. It
// makes nothing. A cgroup that holds processes, its own or below it, or that is
// frozen is refused: we never limit, freeze or kill what we did not start.
func (h *Hierarchy) Survey(p Path) ([]Made, error) {
	made := Way(string(p))
	at, there := h.fd, true
	defer func() {
		if at != h.fd {
			unix.Close(at)
		}
	}()
	for i := range made {
		if !there {
			continue
		}
		next, err := openBeneath(at, path.Base(made[i].Path), unix.O_PATH|unix.O_DIRECTORY)
		if err == unix.ENOENT {
			there = false
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: h.mount + made[i].Path, Err: err}
		}
		if at != h.fd {
			unix.Close(at)
		}
		at, made[i].Existed = next, true
	}
	if there {
		c := &Cgroup{path: string(p), fd: at, mount: h.mount}
		return made, c.unfit()
	}
	return made, nil
}

// Create makes what is missing on the way to a cgroup, claims it, and enables the
// controllers that there are; those that its settings need are named. holder is a name
// for the container that no other has, see HeldByOther. On an error Create takes back what
// it made, and nothing that another command did.
func (h *Hierarchy) Create(p Path, plan []Made, controllers []string, holder string) (*Cgroup, error) {
	var own []Made // what is to be taken back
	c := &Cgroup{path: string(p), fd: h.fd, mount: h.mount}
	for i, m := range plan {
		next, made, err := h.descend(c.fd, m, controllers)
		if made || err == nil {
			own = append(own, Made{Path: m.Path, Existed: !made})
		}
		_ = closing(nil, c.fd, h.fd)
		if err != nil {
			return nil, errors.Join(err, h.delete(own, -1))
		}
		c.fd = next
		if i == len(plan)-1 {
			err = c.claim(made, m.Existed, holder)
		}
		if err != nil {
			if made {
				c.disown() // whoever has claimed it found it there
			}
			c.Close()
			return nil, errors.Join(err, h.delete(own[:i], -1))
		}
	}
	return c, nil
}

// descend opens a directory of the way, and makes it where the plan says so; another
// command may have been faster.
func (h *Hierarchy) descend(at int, m Made, controllers []string) (fd int, made bool, err error) {
	if err := enable(at, path.Dir(m.Path), controllers); err != nil {
		return -1, false, err
	}
	name := path.Base(m.Path)
	if !m.Existed {
		err := unix.Mkdirat(at, name, 0o755)
		if err != nil && err != unix.EEXIST {
			return -1, false, h.makeError(m.Path, err)
		}
		made = err == nil
	}
	fd, err = openBeneath(at, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return -1, made, &os.PathError{Op: "open", Path: h.mount + m.Path, Err: err}
	}
	if made {
		letPass(fd)
	}
	return fd, made, nil
}

// letPass gives a cgroup that was just made the mode it was asked for, whatever the
// caller's umask takes off: a kernel before 6.15 mounts the hierarchy only for a user who
// may pass all cgroups on the way to the container's, and in a user namespace that is not
// us. Where it cannot be given the mount says so.
func letPass(fd int) {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil && st.Mode&0o777 != 0o755 {
		_ = unix.Fchmod(fd, 0o755)
	}
}

func closing(err error, fd, but int) error {
	if fd != but {
		unix.Close(fd)
	}
	return err
}

func (h *Hierarchy) makeError(p string, err error) error {
	hint := ""
	switch err {
	case unix.EROFS, unix.EACCES, unix.EPERM:
		hint = "This needs a writable cgroup hierarchy: root, or a cgroup that was delegated to this user."
	case unix.EAGAIN:
		hint = "The limit cgroup.max.descendants or cgroup.max.depth of a parent is reached."
	}
	return &CallError{Call: "mkdir(" + h.mount + p + ")", Err: err, Hint: hint}
}

// CallError is a system call on a cgroup that did not succeed.
type CallError struct {
	Call       string
	Err        error
	Hint       string
	Controller string // the controller that cannot be had; "" for all else
}

func (e *CallError) Error() string { return e.Call + ": " + e.Err.Error() }

// Unwrap gives the errno.
func (e *CallError) Unwrap() error { return e.Err }

// OpenCgroup opens a cgroup that exists; errors.Is(err, fs.ErrNotExist) otherwise. The
// root is nobody's: it is refused, whatever a damaged record says.
func (h *Hierarchy) OpenCgroup(p string) (*Cgroup, error) {
	if relative(p) == "." {
		return nil, &os.PathError{Op: "open", Path: h.mount, Err: unix.EINVAL}
	}
	fd, err := openBeneath(h.fd, relative(p), unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: h.mount + p, Err: err}
	}
	return &Cgroup{path: p, fd: fd, mount: h.mount}, nil
}
