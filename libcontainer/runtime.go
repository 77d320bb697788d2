package libcontainer

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/goruntime"
	"github.com/mdrun/mdrun/libcontainer/internal/monitor"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/libcontainer/spawn"
)

// ociVersion is the version of the specification that states and hooks follow.
const ociVersion = "1.3.0"

// Runtime works on the containers below one state root.
type Runtime struct {
	// Root is the directory of the state directories; made, 0700, on demand.
	Root string
	// Warn is told what is odd but no failure; nil drops it.
	Warn func(text string, fields ...string)
	// Debug is told every step that is begun; nil drops it.
	Debug func(text string)
}

func (r *Runtime) debug(text string) {
	if r.Debug != nil {
		r.Debug(text)
	}
}

func (r *Runtime) warn(text string, fields ...string) {
	if r.Warn != nil {
		r.Warn(text, fields...)
	}
}

// The kernel that everything here relies on: cgroup.kill came with Linux 5.14, the
// other calls earlier (clone3 into a cgroup 5.7, openat2 5.6, mount_setattr 5.12).
const floorMajor, floorMinor = 5, 14

// checkKernel refuses a kernel that is too old, by name.
func checkKernel() error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return sys.Fail(err, "uname")
	}
	return checkRelease(unix.ByteSliceToString(u.Release[:]))
}

// checkRelease lets pass what it cannot read: a vendor may call a kernel as it likes.
func checkRelease(release string) error {
	major, minor, ok := parseRelease(release)
	if ok && (major < floorMajor || major == floorMajor && minor < floorMinor) {
		return &stateError{text: "the kernel is Linux " + release + "; mdrun needs 5.14 or newer (cgroup.kill)",
			hint: "Boot a newer kernel."}
	}
	return nil
}

func parseRelease(release string) (major, minor int, ok bool) {
	first, rest, _ := strings.Cut(release, ".")
	second, _, _ := strings.Cut(rest, ".")
	end := strings.IndexFunc(second, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		second = second[:end]
	}
	major, err1 := strconv.Atoi(first)
	minor, err2 := strconv.Atoi(second)
	return major, minor, err1 == nil && err2 == nil
}

// openProc gives an O_PATH handle of the host's procfs, verified to be the root of
// one (proc(5): inode 1): the child reaches its own files through it, and no mount
// of a container can come between. It must count processes as we do: a number that
// clone(2) gave us would name a stranger in another one, or nobody.
func openProc() (int, error) {
	fd, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, sys.Fail(err, "open", `"/proc"`, "O_PATH")
	}
	var fs unix.Statfs_t
	var st unix.Stat_t
	if err := unix.Fstatfs(fd, &fs); err != nil || fs.Type != unix.PROC_SUPER_MAGIC || unix.Fstat(fd, &st) != nil || st.Ino != 1 {
		unix.Close(fd)
		return -1, errors.New("/proc is not the root of a procfs: mount proc on it")
	}
	if !countsAsWe(fd) {
		unix.Close(fd)
		return -1, &Error{Err: errors.New("/proc belongs to another pid namespace than this process"),
			Hint: "Mount one for this pid namespace first: mount -t proc proc /proc, or unshare --mount-proc."}
	}
	return fd, nil
}

// countsAsWe tells whether a procfs is one of our pid namespace: self leads to the number
// of the reader in that of the procfs, and nowhere if it has none (proc_pid(5)).
func countsAsWe(proc int) bool {
	var self [20]byte
	n, err := unix.Readlinkat(proc, "self", self[:])
	return err == nil && string(self[:n]) == strconv.Itoa(unix.Getpid())
}

// hidePages switches transparent huge pages off for the child to come, which
// inherits it (prctl(2) PR_SET_THP_DISABLE): a small init would otherwise be charged
// 2 MiB for its first page. It tells whether they were on and have to come back.
func hidePages() bool {
	off, err := unix.PrctlRetInt(unix.PR_GET_THP_DISABLE, 0, 0, 0, 0)
	if err != nil || off == 1 {
		return false
	}
	return unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0) == nil
}

func ownerOf(f *os.File) uint32 {
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return 0
	}
	return st.Uid
}

// Prepare is for a program that does little else than to call this package, as a command
// does, and does it in an init function. The Go runtime's monitor thread then runs only on
// processors that have nothing else to do, until a call waits, which saves an eighth of the
// processor time of a run; the calling goroutine gets the stack that a call needs; and no
// thread is locked that is so already (see spawn.Initialising).
func Prepare() {
	spawn.Initialising = true
	monitor.Hush()
	goruntime.GrowStack()
}

// Finish takes back what Prepare has done: on a busy machine the monitor would be long in
// dying, and the process with it.
func Finish() {
	monitor.Rouse()
	spawn.Initialising = false
}
