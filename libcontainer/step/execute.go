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

// awaitListener opens the FIFO, which takes until somebody listens.
func awaitListener(env *Env) error {
	fd := -1
	err := sys.Retry(func() (err error) {
		fd, err = unix.Openat(env.Proc, onFD(env.Fifo), unix.O_WRONLY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return sys.Fail(err, "open", `"exec.fifo"`)
	}
	env.kept.started = fd
	return nil
}

// Execute becomes the program. It is the last step of every plan.
type Execute struct{}

// Fields passes it through the codec.
func (s *Execute) Fields(*Codec)  {}
func (s *Execute) String() string { return "execute the program" }

// Apply does what must not allocate or fail first, then says the byte, then execs.
// When start was killed before it could hear the byte, we wait for the next one. The
// end that we hold closes with execve, which is how start learns that it succeeded.
func (s *Execute) Apply(env *Env) error {
	path, argv, envp, err := vectors(env.Exec)
	if err != nil {
		return err
	}
	if env.RestoreTHP {
		if err := unix.Prctl(unix.PR_SET_THP_DISABLE, 0, 0, 0, 0); err != nil {
			return sys.Fail(err, "prctl", "PR_SET_THP_DISABLE", "0")
		}
	}
	if err := say(env); err != nil {
		return err
	}
	_, _, errno := syscall.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envp[0])))
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

// say writes the byte; EPIPE means that start is gone, and the wait begins again.
// SIGPIPE kills a Go program only for descriptors 1 and 2 (os/signal).
func say(env *Env) error {
	if env.Fifo < 0 {
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

func vectors(p Program) (path *byte, argv, envp []*byte, err error) {
	if path, err = syscall.BytePtrFromString(p.Path); err != nil {
		return nil, nil, nil, err
	}
	if argv, err = syscall.SlicePtrFromStrings(p.Args); err != nil {
		return nil, nil, nil, err
	}
	envp, err = syscall.SlicePtrFromStrings(p.Env)
	return path, argv, envp, err
}
