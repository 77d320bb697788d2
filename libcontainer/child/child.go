// Package child is the init of a container before it becomes the user's program:
// it takes over the process, reads the plan, applies it, and reports.
//
// The take-over happens in init(), on a mark in the environment that only package
// spawn sets. Go initialises packages that are ready in the order of their import
// paths, so this package, which imports little, runs before libcontainer, regular
// expressions, templates and the command line are even initialised (a third of a start
// less per container). It therefore imports only step, wire, sys and what they may
// import; a test keeps the list of what comes before it.
package child

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/goruntime"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/libcontainer/internal/wire"
	"github.com/mdrun/mdrun/libcontainer/step"
)

// Comm is the name of init in /proc/PID/stat until the user's program takes its
// place; it tells a created container from a running one.
const Comm = "mdrun:init"

// Variable is the mark: the numbers of the donated descriptors, see Mark.
const Variable = "_MDRUN_INIT"

// Mark is what the host tells the child through the environment, before the plan.
type Mark struct {
	Conn, Proc, Fifo int  // descriptors; Fifo is -1 for a process that does not wait
	RestoreTHP       bool // transparent huge pages come back before the program starts
	RealGID          int  // the real gid to take back (joined pid namespaces); -1: none
}

// String is the value of Variable.
func (m Mark) String() string {
	thp := 0
	if m.RestoreTHP {
		thp = 1
	}
	return sys.Int(m.Conn) + "," + sys.Int(m.Proc) + "," + sys.Int(m.Fifo) + "," + sys.Int(thp) + "," + sys.Int(m.RealGID)
}

// ParseMark reads what String wrote.
func ParseMark(s string) (Mark, bool) {
	var n [5]int
	for i := range n {
		v, rest, ok := cutInt(s, i == len(n)-1)
		if !ok {
			return Mark{}, false
		}
		n[i], s = v, rest
	}
	return Mark{Conn: n[0], Proc: n[1], Fifo: n[2], RestoreTHP: n[3] == 1, RealGID: n[4]}, true
}

func cutInt(s string, last bool) (n int, rest string, ok bool) {
	neg := len(s) > 0 && s[0] == '-'
	if neg {
		s = s[1:]
	}
	i := 0
	for ; i < len(s) && i < 10 && s[i] >= '0' && s[i] <= '9'; i++ {
		n = n*10 + int(s[i]-'0')
	}
	if i == 0 || last != (i == len(s)) || !last && s[i] != ',' {
		return 0, "", false
	}
	if neg {
		n = -n
	}
	if last {
		return n, "", true
	}
	return n, s[i+1:], true
}

func init() {
	value, marked := syscall.Getenv(Variable)
	if !marked {
		return
	}
	mark, ok := ParseMark(value)
	if !ok || !isSocket(mark.Conn) {
		return // somebody else's variable: an ordinary command
	}
	takeOver(mark)
	syscall.Exit(1)
}

// isSocket keeps the mark from meaning anything to a command that a person
// started with the variable set.
func isSocket(fd int) bool {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil && kind == unix.SOCK_STREAM
}

func takeOver(mark Mark) {
	goruntime.GrowStack()
	conn := wire.Conn(mark.Conn)
	if err := settle(mark); err != nil {
		report(conn, err)
		return
	}
	kind, body, network, err := conn.Receive()
	if err != nil || kind != wire.Plan {
		return // the host has died: nothing has been done, nothing is left
	}
	goruntime.Populate(goruntime.Usual + min(decoded*uintptr(len(body)), mostAtOnce))
	plan, err := step.Decode(body)
	if err != nil {
		report(conn, err)
		return
	}
	env := &step.Env{
		Proc: mark.Proc, Root: -1, Fifo: mark.Fifo, Network: network,
		Host: host{conn}, RestoreTHP: mark.RestoreTHP, Nofile: callersNofile(),
	}
	if err := plan.Apply(env); err != nil && !errors.Is(err, wire.ErrClosed) {
		report(conn, err)
	}
}

const (
	// decoded is how much memory a plan takes for each byte of its message.
	decoded = 12
	// mostAtOnce is for plans of mebibytes, in containers that have little more.
	mostAtOnce = 1 << 20
)

// settle makes the process ours before it reads anything: descriptors that do not
// reach the program, memory nobody may look into, the name that status goes by.
func settle(mark Mark) error {
	for _, fd := range []int{mark.Conn, mark.Proc, mark.Fifo} {
		if fd >= 0 {
			unix.CloseOnExec(fd)
		}
	}
	// Modes are meant as they are given; the program's umask is a step.
	unix.Umask(0)
	// A process of the container could otherwise attach to us while we still
	// hold the host's privileges (CVE-2016-9962); ptrace(2) "PTRACE_MODE".
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return sys.Fail(err, "prctl", "PR_SET_DUMPABLE", "0")
	}
	if mark.RealGID >= 0 {
		if err := sys.SetRealGID(uint32(mark.RealGID)); err != nil {
			return sys.Fail(err, "setresgid", sys.Int(mark.RealGID), "-1", "-1")
		}
	}
	name := append([]byte(Comm), 0)
	if err := prctlName(name); err != nil {
		return sys.Fail(err, "prctl", "PR_SET_NAME", Comm)
	}
	return nil
}

// callersNofile gives the limit as it was before the Go runtime raised its soft
// half: syscall.Exec puts the original back first, and with an empty path it does
// nothing else (execve(2): ENOENT).
func callersNofile() step.Limit {
	_ = syscall.Exec("", nil, nil)
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return step.Limit{Soft: ^uint64(0), Hard: ^uint64(0)}
	}
	return step.Limit{Soft: l.Cur, Hard: l.Max}
}

func report(conn wire.Conn, err error) {
	// Nobody is left to tell when this does not arrive.
	_ = conn.Send(wire.Failure, step.EncodeFailure(err), -1)
}
