// Package spawn makes the child: it clones, joins namespaces by path, hands over
// descriptors, and starts a copy of our own executable that nobody can write to.
//
// There are two ways to be born. The usual one is the Go runtime's own fork
// (clone with CLONE_VFORK|CLONE_VM, straight into the cgroup). A user, mount,
// pid or time namespace by path and a new time namespace need a plain fork that
// shares no memory with the host: see raw.go.
package spawn

import (
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/child"
	"github.com/mdrun/mdrun/libcontainer/internal/monitor"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/libcontainer/internal/wire"
)

// Mapping is one line of a user namespace's id map.
type Mapping struct{ Inside, Outside, Size uint32 }

// Join is a namespace that the child enters instead of a new one.
type Join struct {
	Type  int // CLONE_NEW* flag of its kind
	FD    int // descriptor of the namespace file
	Field string
}

// Config says how the child is born.
type Config struct {
	// Exe is a descriptor of the image that the child runs, from Executable.
	Exe int
	// New holds the CLONE_NEW* flags of the namespaces to be made at birth.
	// CLONE_NEWNET is among them only with a new user namespace, see NewNetwork.
	// CLONE_NEWCGROUP never is: clone3(2) would take the root of the
	// new cgroup namespace from the parent; it is a step of the plan.
	New uintptr
	// Join lists the namespaces to enter.
	Join []Join
	// UID and GID are the maps of a new user namespace.
	UID, GID []Mapping
	// DenySetgroups gives setgroups(2) up for the new user namespace: without CAP_SETGID
	// the kernel takes no map of groups else (user_namespaces(7), since Linux 3.19).
	DenySetgroups bool
	// TimeOffsets is written to timens_offsets of a new time namespace; may be "".
	TimeOffsets string
	// Cgroup is a descriptor of the cgroup directory to be born in; -1: none.
	Cgroup int
	// Proc is a verified O_PATH handle of /proc, Fifo one of exec.fifo or -1.
	Proc, Fifo int
	// Preserve is how many descriptors from 3 on the program keeps.
	Preserve int
	// RestoreTHP is passed on in the mark.
	RestoreTHP bool
}

// Child is a process that waits for its plan.
type Child struct {
	PID   int
	PidFD int
	Conn  wire.Conn
}

// Close gives up the descriptors, not the process.
func (c *Child) Close() {
	c.Conn.Close()
	_ = unix.Close(c.PidFD)
}

// plainFork holds the kinds of namespace that only a process without threads and
// without shared memory may enter (setns(2); time: EUSERS for others), and pid,
// because the child must not share our memory where a process of that namespace
// could attach to it.
const plainFork = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWTIME

// Start makes the child. It runs on a thread of its own, which ends with it: the
// thread may have entered namespaces that no other goroutine must see.
func Start(c Config) (*Child, error) {
	type result struct {
		child *Child
		err   error
	}
	done := make(chan result, 1)
	if len(c.Join) == 0 && c.New&unix.CLONE_NEWTIME == 0 {
		return start(&c)
	}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is spoiled
		monitor.Outgrow()
		child, err := start(&c)
		done <- result{child, err}
	}()
	r := <-done
	return r.child, r.err
}

func start(c *Config) (*Child, error) {
	host, far, err := wire.Pair()
	if err != nil {
		return nil, err
	}
	defer far.Close()
	born, err := birth(c, far)
	if err != nil {
		host.Close()
		return nil, err
	}
	born.Conn = host
	return born, nil
}

func birth(c *Config, conn wire.Conn) (*Child, error) {
	rest, raw, err := c.joinFirst()
	if err != nil {
		return nil, err
	}
	if c.New&unix.CLONE_NEWTIME != 0 {
		if err := newTime(c.TimeOffsets); err != nil {
			return nil, err
		}
	}
	if raw {
		return forkPlain(c, conn, rest)
	}
	return forkUsual(c, conn)
}

// joinFirst enters on this thread what a thread may enter, and leaves the rest to
// the child. raw says that a plain fork is needed.
func (c *Config) joinFirst() (rest []Join, raw bool, err error) {
	raw = c.New&unix.CLONE_NEWTIME != 0
	for _, j := range c.Join {
		if j.Type&plainFork != 0 {
			raw = true
		}
	}
	if raw && c.New&unix.CLONE_NEWUSER != 0 {
		for _, j := range c.Join {
			if j.Type&(unix.CLONE_NEWNS|unix.CLONE_NEWTIME) != 0 {
				return nil, false, &Refused{Field: j.Field, Text: "a mount or time namespace by path cannot go with a new user namespace",
					Hint: "Give the user namespace by path too, or make the other namespace new."}
			}
		}
		raw = false // a new user namespace makes the usual fork a plain one
	}
	if raw {
		return c.Join, true, nil
	}
	for _, j := range c.Join {
		if err := unix.Setns(j.FD, j.Type); err != nil {
			return nil, false, joinError(j, err)
		}
	}
	return nil, false, nil
}

// Refused is a wish that this package cannot fulfil.
type Refused struct{ Field, Text, Hint string }

func (r *Refused) Error() string { return r.Text }

// JoinError is a namespace that could not be made or entered.
type JoinError struct {
	Field string
	Err   error
}

func (e *JoinError) Error() string { return e.Err.Error() }
func (e *JoinError) Unwrap() error { return e.Err }

func joinError(j Join, err error) error {
	return &JoinError{Field: j.Field, Err: sys.Fail(err, "setns", "the namespace", typeName(j.Type))}
}

func typeName(t int) string {
	for _, n := range []struct {
		t int
		s string
	}{{unix.CLONE_NEWUSER, "user"}, {unix.CLONE_NEWNS, "mount"}, {unix.CLONE_NEWPID, "pid"}, {unix.CLONE_NEWNET, "network"},
		{unix.CLONE_NEWIPC, "ipc"}, {unix.CLONE_NEWUTS, "uts"}, {unix.CLONE_NEWCGROUP, "cgroup"}, {unix.CLONE_NEWTIME, "time"}} {
		if n.t == t {
			return n.s
		}
	}
	return strconv.Itoa(t)
}

// newTime makes the time namespace of this thread's children and sets its clocks,
// which is possible only before the first process enters (time_namespaces(7)).
// The file is found under the thread's own number: /proc/self is the main thread.
func newTime(offsets string) error {
	if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
		return sys.Fail(err, "unshare", "CLONE_NEWTIME")
	}
	if offsets == "" {
		return nil
	}
	path := "/proc/" + strconv.Itoa(unix.Gettid()) + "/timens_offsets"
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return sys.Fail(err, "open", sys.Quote(path))
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(offsets))
	if err == unix.ERANGE {
		return &Refused{Field: ".linux.timeOffsets", Text: sys.Fail(err, "write", sys.Quote(path), sys.Quote(offsets)).Error(),
			Hint: "A clock of the container would be below zero, or beyond what the kernel counts: the host's are in /proc/uptime."}
	}
	if err != nil {
		return &JoinError{Field: ".linux.timeOffsets", Err: sys.Fail(err, "write", sys.Quote(path), sys.Quote(offsets))}
	}
	return nil
}

// environ is all that the child is given: the mark, and settings of the Go
// runtime that make init small and leave its thread alone (a preemption signal
// would need rt_sigreturn, which a seccomp profile may forbid).
func environ(m child.Mark) []string {
	return []string{child.Variable + "=" + m.String(), "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1"}
}

// forkUsual lets the Go runtime fork. The descriptors go to fixed places behind
// the preserved ones.
func forkUsual(c *Config, conn wire.Conn) (*Child, error) {
	files := []uintptr{0, 1, 2}
	for i := range c.Preserve {
		files = append(files, uintptr(3+i))
	}
	mark := child.Mark{Conn: len(files), Proc: len(files) + 1, Fifo: -1, RestoreTHP: c.RestoreTHP, RealGID: -1}
	files = append(files, uintptr(conn), uintptr(c.Proc))
	if c.Fifo >= 0 {
		mark.Fifo = len(files)
		files = append(files, uintptr(c.Fifo))
	}
	pidfd := -1
	// Package syscall takes clone(2) where there is no cgroup, which drops fresh.
	attr := &syscall.SysProcAttr{Cloneflags: c.New | sys.Fresh, PidFD: &pidfd}
	if c.Cgroup >= 0 {
		attr.UseCgroupFD, attr.CgroupFD = true, c.Cgroup
	}
	if c.New&unix.CLONE_NEWUSER != 0 {
		attr.UidMappings, attr.GidMappings = sysMap(c.UID), sysMap(c.GID)
		attr.GidMappingsEnableSetgroups = !c.DenySetgroups
		attr.Credential = &syscall.Credential{Uid: 0, Gid: 0, NoSetGroups: true}
	}
	// The image must lie above the places that the descriptors are copied to.
	exe, err := unix.FcntlInt(uintptr(c.Exe), unix.F_DUPFD_CLOEXEC, len(files)+8)
	if err != nil {
		return nil, sys.Fail(err, "fcntl", "F_DUPFD_CLOEXEC")
	}
	defer unix.Close(exe)
	pid := 0
	fork := func() (err error) {
		pid, err = syscall.ForkExec("/proc/self/fd/"+strconv.Itoa(exe), []string{child.Comm},
			&syscall.ProcAttr{Env: environ(mark), Files: files, Sys: attr})
		return err
	}
	if c.New&unix.CLONE_NEWUSER != 0 {
		err = ownedByNobody(rootOf(c.UID), fork)
	} else {
		err = fork()
	}
	if err != nil {
		return nil, sys.Fail(err, "clone3", flagNames(c.New))
	}
	return &Child{PID: pid, PidFD: pidfd}, nil
}

// rootOf gives the user of the host that is root in a user namespace.
func rootOf(maps []Mapping) uint32 {
	for _, m := range maps {
		if m.Inside == 0 {
			return m.Outside
		}
	}
	return nobody
}

func sysMap(in []Mapping) []syscall.SysProcIDMap {
	var out []syscall.SysProcIDMap
	for _, m := range in {
		out = append(out, syscall.SysProcIDMap{ContainerID: int(m.Inside), HostID: int(m.Outside), Size: int(m.Size)})
	}
	return out
}

func flagNames(flags uintptr) string {
	text := "CLONE_INTO_CGROUP"
	for _, n := range []struct {
		f uintptr
		s string
	}{{unix.CLONE_NEWUSER, "USER"}, {unix.CLONE_NEWNS, "NS"}, {unix.CLONE_NEWPID, "PID"}, {unix.CLONE_NEWNET, "NET"},
		{unix.CLONE_NEWIPC, "IPC"}, {unix.CLONE_NEWUTS, "UTS"}} {
		if flags&n.f != 0 {
			text += "|CLONE_NEW" + n.s
		}
	}
	return text
}
