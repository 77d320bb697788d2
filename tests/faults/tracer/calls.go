package tracer

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// call describes a system call that changes the state of the system or of what a
// process is allowed to do.
type call struct {
	name string
	path int                                   // which argument is a path; -1 none
	when func(t *tracer, tid int, a args) bool // nil: always
}

type args [6]uint64

const noPath = -1

// changes holds the calls in question. What only reads, waits, maps memory or
// moves descriptors about inside one process is not in it: dying before such a
// call is the same as dying before the next one that is.
var changes = map[uint64]call{
	// mounts
	unix.SYS_MOUNT:         {"mount", 1, nil},
	unix.SYS_UMOUNT2:       {"umount2", 0, nil},
	unix.SYS_PIVOT_ROOT:    {"pivot_root", 0, nil},
	unix.SYS_FSOPEN:        {"fsopen", 0, nil},
	unix.SYS_FSPICK:        {"fspick", 1, nil},
	unix.SYS_FSCONFIG:      {"fsconfig", 2, nil},
	unix.SYS_FSMOUNT:       {"fsmount", noPath, nil},
	unix.SYS_MOVE_MOUNT:    {"move_mount", 3, nil},
	unix.SYS_MOUNT_SETATTR: {"mount_setattr", 1, nil},
	unix.SYS_OPEN_TREE:     {"open_tree", 1, flag(2, unix.OPEN_TREE_CLONE)},
	unix.SYS_CHROOT:        {"chroot", 0, nil},
	unix.SYS_CHDIR:         {"chdir", 0, nil},
	unix.SYS_FCHDIR:        {"fchdir", noPath, nil},

	// files
	unix.SYS_OPENAT:     {"openat", 1, func(_ *tracer, _ int, a args) bool { return opensToChange(a[2]) }},
	unix.SYS_OPENAT2:    {"openat2", 1, openat2ToChange},
	unix.SYS_MKDIRAT:    {"mkdirat", 1, nil},
	unix.SYS_MKNODAT:    {"mknodat", 1, nil},
	unix.SYS_SYMLINKAT:  {"symlinkat", 2, nil},
	unix.SYS_LINKAT:     {"linkat", 3, nil},
	unix.SYS_UNLINKAT:   {"unlinkat", 1, nil},
	unix.SYS_RENAMEAT2:  {"renameat2", 3, nil},
	unix.SYS_RENAMEAT:   {"renameat", 3, nil},
	unix.SYS_TRUNCATE:   {"truncate", 0, nil},
	unix.SYS_FTRUNCATE:  {"ftruncate", noPath, nil},
	unix.SYS_FALLOCATE:  {"fallocate", noPath, nil},
	unix.SYS_FCHMOD:     {"fchmod", noPath, nil},
	unix.SYS_FCHMODAT:   {"fchmodat", 1, nil},
	unix.SYS_FCHMODAT2:  {"fchmodat2", 1, nil},
	unix.SYS_FCHOWN:     {"fchown", noPath, nil},
	unix.SYS_FCHOWNAT:   {"fchownat", 1, nil},
	unix.SYS_UTIMENSAT:  {"utimensat", 1, nil},
	unix.SYS_SETXATTR:   {"setxattr", 0, nil},
	unix.SYS_LSETXATTR:  {"lsetxattr", 0, nil},
	unix.SYS_FSETXATTR:  {"fsetxattr", noPath, nil},
	unix.SYS_SETXATTRAT: {"setxattrat", 1, nil},
	unix.SYS_FLOCK:      {"flock", noPath, nil},
	unix.SYS_FCNTL:      {"fcntl", noPath, oneOf(1, unix.F_SETLK, unix.F_SETLKW, unix.F_OFD_SETLK, unix.F_OFD_SETLKW, unix.F_ADD_SEALS)},

	// data on its way to others
	unix.SYS_WRITE:           {"write", noPath, toOthers(0)},
	unix.SYS_WRITEV:          {"writev", noPath, toOthers(0)},
	unix.SYS_PWRITE64:        {"pwrite64", noPath, toOthers(0)},
	unix.SYS_SENDFILE:        {"sendfile", noPath, toOthers(0)},
	unix.SYS_COPY_FILE_RANGE: {"copy_file_range", noPath, toOthers(2)},
	unix.SYS_SPLICE:          {"splice", noPath, toOthers(2)},
	unix.SYS_SENDTO:          {"sendto", noPath, nil},
	unix.SYS_SENDMSG:         {"sendmsg", noPath, nil},
	unix.SYS_SENDMMSG:        {"sendmmsg", noPath, nil},
	unix.SYS_CONNECT:         {"connect", noPath, nil},
	unix.SYS_BIND:            {"bind", noPath, nil},
	unix.SYS_SHUTDOWN:        {"shutdown", noPath, nil},

	// processes
	unix.SYS_CLONE:    {"clone", noPath, func(_ *tracer, _ int, a args) bool { return a[0]&unix.CLONE_THREAD == 0 }},
	unix.SYS_CLONE3:   {"clone3", noPath, clone3Process},
	unix.SYS_EXECVE:   {"execve", 0, nil},
	unix.SYS_EXECVEAT: {"execveat", 1, nil},
	unix.SYS_UNSHARE:  {"unshare", noPath, nil},
	unix.SYS_SETNS:    {"setns", noPath, nil},
	unix.SYS_KILL:     {"kill", noPath, func(_ *tracer, _ int, a args) bool { return a[1] != 0 }},
	unix.SYS_TGKILL: {"tgkill", noPath, func(t *tracer, tid int, a args) bool {
		return a[2] != 0 && int(a[0]) != t.threads[tid] && !namespaced(tid)
	}},
	unix.SYS_PIDFD_SEND_SIGNAL: {"pidfd_send_signal", noPath, func(_ *tracer, _ int, a args) bool { return a[1] != 0 }},
	unix.SYS_SETSID:            {"setsid", noPath, nil},
	unix.SYS_SETPGID:           {"setpgid", noPath, nil},
	unix.SYS_PRLIMIT64:         {"prlimit64", noPath, func(_ *tracer, _ int, a args) bool { return a[2] != 0 }},
	unix.SYS_SETRLIMIT:         {"setrlimit", noPath, nil},
	unix.SYS_SETPRIORITY:       {"setpriority", noPath, nil},
	unix.SYS_IOPRIO_SET:        {"ioprio_set", noPath, nil},
	unix.SYS_SCHED_SETATTR:     {"sched_setattr", noPath, nil},
	unix.SYS_SCHED_SETAFFINITY: {"sched_setaffinity", noPath, nil},
	unix.SYS_UMASK:             {"umask", noPath, nil},
	unix.SYS_PERSONALITY:       {"personality", noPath, func(_ *tracer, _ int, a args) bool { return uint32(a[0]) != ^uint32(0) }},

	// privilege
	unix.SYS_PRCTL:                  {"prctl", noPath, prctlChanges},
	unix.SYS_CAPSET:                 {"capset", noPath, nil},
	unix.SYS_SETUID:                 {"setuid", noPath, nil},
	unix.SYS_SETGID:                 {"setgid", noPath, nil},
	unix.SYS_SETREUID:               {"setreuid", noPath, nil},
	unix.SYS_SETREGID:               {"setregid", noPath, nil},
	unix.SYS_SETRESUID:              {"setresuid", noPath, nil},
	unix.SYS_SETRESGID:              {"setresgid", noPath, nil},
	unix.SYS_SETFSUID:               {"setfsuid", noPath, nil},
	unix.SYS_SETFSGID:               {"setfsgid", noPath, nil},
	unix.SYS_SETGROUPS:              {"setgroups", noPath, nil},
	unix.SYS_SECCOMP:                {"seccomp", noPath, oneOf(0, 0, 1)}, // the two ways to set a mode
	unix.SYS_LANDLOCK_RESTRICT_SELF: {"landlock_restrict_self", noPath, nil},

	// the rest of the kernel
	unix.SYS_SETHOSTNAME:   {"sethostname", 0, nil},
	unix.SYS_SETDOMAINNAME: {"setdomainname", 0, nil},
	unix.SYS_BPF: {"bpf", noPath, oneOf(0, unix.BPF_MAP_CREATE, unix.BPF_MAP_UPDATE_ELEM, unix.BPF_PROG_LOAD,
		unix.BPF_OBJ_PIN, unix.BPF_PROG_ATTACH, unix.BPF_PROG_DETACH, unix.BPF_LINK_CREATE, unix.BPF_LINK_DETACH)},
	unix.SYS_KEYCTL:  {"keyctl", noPath, nil},
	unix.SYS_ADD_KEY: {"add_key", noPath, nil},
	unix.SYS_IOCTL: {"ioctl", noPath, oneOf(1, unix.TIOCSCTTY, unix.TIOCNOTTY, unix.TIOCSWINSZ, unix.TIOCSPTLCK,
		unix.TIOCGPTPEER, unix.TCSETS, unix.TCSETSW, unix.SIOCSIFFLAGS)},
}

// housekeeping is what does not count even when every call does: most of it is
// made by Go's runtime, at times that vary.
var housekeeping = set(unix.SYS_FUTEX, unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_MPROTECT, unix.SYS_BRK,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_NANOSLEEP,
	unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_GETTID, unix.SYS_GETPID, unix.SYS_SCHED_YIELD, unix.SYS_TGKILL,
	unix.SYS_EPOLL_PWAIT, unix.SYS_SCHED_GETAFFINITY, unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_SET_TID_ADDRESS,
	unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE, unix.SYS_RESTART_SYSCALL)

func set(numbers ...uint64) map[uint64]bool {
	m := make(map[uint64]bool, len(numbers))
	for _, n := range numbers {
		m[n] = true
	}
	return m
}

func (t *tracer) counts(tid int, info *callInfo) bool {
	c, ok := changes[info.Nr]
	if ok && (c.when == nil || c.when(t, tid, info.Args)) {
		return true
	}
	if !t.Fine || housekeeping[info.Nr] || info.Nr == unix.SYS_CLONE || info.Nr == unix.SYS_CLONE3 {
		return false
	}
	return info.Nr != unix.SYS_WRITE || toOthers(0)(t, tid, info.Args)
}

func describe(tid int, info *callInfo) string {
	c, ok := changes[info.Nr]
	if !ok {
		return fmt.Sprintf("syscall %d", info.Nr)
	}
	if c.path != noPath {
		return strings.TrimSpace(c.name + " " + peekString(tid, info.Args[c.path]))
	}
	switch c.name {
	case "write", "writev", "pwrite64", "sendmsg", "sendto", "fchmod", "fchown", "flock", "fchdir":
		link, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, int32(info.Args[0])))
		return c.name + " " + link
	}
	return fmt.Sprintf("%s %#x %#x", c.name, info.Args[0], info.Args[1])
}

func flag(arg int, bit uint64) func(*tracer, int, args) bool {
	return func(_ *tracer, _ int, a args) bool { return a[arg]&bit != 0 }
}

func oneOf(arg int, values ...uint64) func(*tracer, int, args) bool {
	return func(_ *tracer, _ int, a args) bool { return slices.Contains(values, a[arg]&0xffffffff) }
}

// opensToChange looks at open's flags. A FIFO that is opened for reading changes the
// state of its writer too, but that is a matter of the fine count.
func opensToChange(flags uint64) bool {
	return flags&unix.O_PATH == 0 && flags&(unix.O_WRONLY|unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC) != 0
}

func openat2ToChange(_ *tracer, tid int, a args) bool {
	how := peek(tid, a[2], make([]byte, 8)) // struct open_how begins with the flags
	return len(how) == 8 && opensToChange(binary.NativeEndian.Uint64(how))
}

func clone3Process(_ *tracer, tid int, a args) bool {
	flags := peek(tid, a[0], make([]byte, 8)) // struct clone_args begins with the flags
	return len(flags) == 8 && binary.NativeEndian.Uint64(flags)&unix.CLONE_THREAD == 0
}

// toOthers leaves out what a runtime says to people and what Go's poller says to
// itself.
func toOthers(arg int) func(*tracer, int, args) bool {
	return func(t *tracer, tid int, a args) bool {
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, int32(a[arg])))
		return err == nil && link != "anon_inode:[eventfd]" && !slices.Contains(t.stdio, link)
	}
}

// namespaced: the thread's own idea of pids is not ours, so that a signal to itself
// cannot be told from one to another; Go's runtime sends many to itself.
func namespaced(tid int) bool {
	own, _ := os.Readlink("/proc/self/ns/pid")
	its, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", tid))
	return own != its
}

// prctlChanges leaves out the questions and the names of threads and mappings.
func prctlChanges(_ *tracer, _ int, a args) bool {
	switch a[0] {
	case unix.PR_SET_PDEATHSIG, unix.PR_SET_DUMPABLE, unix.PR_SET_KEEPCAPS, unix.PR_SET_SECUREBITS, unix.PR_CAPBSET_DROP,
		unix.PR_SET_SECCOMP, unix.PR_SET_NO_NEW_PRIVS, unix.PR_SET_CHILD_SUBREAPER, unix.PR_SET_THP_DISABLE, unix.PR_SET_NAME,
		unix.PR_SET_MM:
		return true
	case unix.PR_CAP_AMBIENT:
		return a[1] != unix.PR_CAP_AMBIENT_IS_SET
	}
	return false
}
