package step

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Started is the byte that init writes into exec.fifo just before execve.
const Started = 1

// WaitStart tells the host that everything is set up and waits until start opens
// exec.fifo.
type WaitStart struct{}

// Fields passes it through the codec.
func (s *WaitStart) Fields(*Codec)  {}
func (s *WaitStart) String() string { return "report that everything is ready, and wait for start" }

// Apply waits. The host commits the container before Ready returns.
//
// Opening a FIFO for writing blocks until somebody opens it for reading (fifo(7)). It
// goes through the Go runtime (Syscall, not RawSyscall): a runtime that believes us at
// work would wake up 133 times a second.
func (s *WaitStart) Apply(env *Env) error {
	if err := env.Host.Ready(); err != nil {
		return err
	}
	if env.Fifo < 0 {
		return nil
	}
	return awaitListener(env)
}

// awaitListener opens the FIFO, which takes until somebody listens. Who opened it may be
// gone again, as a start that was killed is: no hook runs for that.
func awaitListener(env *Env) error {
	for {
		fd := -1
		err := sys.Retry(func() (err error) {
			fd, err = unix.Openat(env.Proc, onFD(env.Fifo), unix.O_WRONLY|unix.O_CLOEXEC, 0)
			return err
		})
		if err != nil {
			return sys.Fail(err, "open", `"exec.fifo"`)
		}
		if listens(fd) {
			env.kept.started = fd
			return nil
		}
		unix.Close(fd)
	}
}

// listens tells whether a FIFO has a reader: without one its other end polls as POLLERR
// (poll(2)).
func listens(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd)}}
	n, err := unix.Poll(p, 0)
	return err != nil || n == 0
}

// AnswerStart tells start that the program is executed now, for a plan that afterwards sets
// a limit which leaves no descriptor to wait for another start with.
type AnswerStart struct{}

// Fields passes it through the codec.
func (s *AnswerStart) Fields(*Codec)  {}
func (s *AnswerStart) String() string { return "answer start" }

// Apply says the byte.
func (s *AnswerStart) Apply(env *Env) error { return say(env) }

// Execute becomes the program. It is the last step of every plan.
type Execute struct{}

// Fields passes it through the codec.
func (s *Execute) Fields(*Codec)  {}
func (s *Execute) String() string { return "execute the program" }

// Apply does what may fail first, then says the byte, then execs. It allocates nothing: a
// limit may leave no memory. The end that we hold closes with execve, which is how start
// learns that it succeeded.
func (s *Execute) Apply(env *Env) error {
	v := &env.kept.vectors
	if env.RestoreTHP {
		if err := unix.Prctl(unix.PR_SET_THP_DISABLE, 0, 0, 0, 0); err != nil {
			return sys.Fail(err, "prctl", "PR_SET_THP_DISABLE", "0")
		}
	}
	if err := say(env); err != nil {
		return err
	}
	_, _, errno := syscall.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(v.path)), uintptr(unsafe.Pointer(&v.argv[0])), uintptr(unsafe.Pointer(&v.envp[0])))
	if errno == unix.E2BIG {
		return tooMuch(env.Exec)
	}
	return cause(env.Exec.Path, errno)
}

// tellStart says why the program does not run to the start that waits, if any: the byte,
// unless it has been said, and the failure. Nobody is left to tell when this does not
// arrive.
func (env *Env) tellStart(err error) {
	if env.kept.started == 0 {
		return
	}
	var text []byte
	if !env.kept.said {
		text = []byte{Started}
	}
	_, _ = unix.Write(env.kept.started, append(text, EncodeFailure(err)...))
}

// say writes the byte, once; EPIPE means that start is gone before it could hear it, and
// the wait begins again. SIGPIPE kills a Go program only for descriptors 1 and 2
// (os/signal).
func say(env *Env) error {
	if env.Fifo < 0 || env.kept.said {
		return nil
	}
	for {
		_, err := unix.Write(env.kept.started, []byte{Started})
		switch err {
		case nil:
			env.kept.said = true
			return nil
		case unix.EINTR:
		case unix.EPIPE:
			unix.Close(env.kept.started)
			if err := awaitListener(env); err != nil {
				return err
			}
		default:
			return sys.Fail(err, "write", `"exec.fifo"`)
		}
	}
}

// vectors are the arguments of execve(2).
type vectors struct {
	path       *byte
	argv, envp []*byte
}

func vectorsOf(p Program) (v vectors, err error) {
	if v.path, err = syscall.BytePtrFromString(p.Path); err != nil {
		return v, err
	}
	if v.argv, err = syscall.SlicePtrFromStrings(p.Args); err != nil {
		return v, err
	}
	v.envp, err = syscall.SlicePtrFromStrings(p.Env)
	return v, err
}
