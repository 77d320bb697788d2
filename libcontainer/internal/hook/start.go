package hook

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Place is where init executes a hook.
type Place struct {
	Dir string // the working directory
	// File is a descriptor of the program where the path leads to another file here, or
	// to none; -1: the path is good.
	File int
	// Preserved is how many descriptors from 3 on are the container's, and not the
	// hook's.
	Preserved int
}

// Start executes the hook at once, as a child of this process: it is for init, all of
// whose children are in the container's cgroup. The fork is one that copies no page
// tables (package syscall): a small memory limit leaves room for none.
func (p *Program) Start(at Place) (*Process, error) {
	stdio, err := p.Stdio()
	if err != nil {
		return nil, err
	}
	defer stdio.Close()
	files := []uintptr{uintptr(stdio.In), uintptr(stdio.Out), uintptr(stdio.Out)}
	for range at.Preserved {
		files = append(files, ^uintptr(0)) // closed
	}
	path := p.Path
	if at.File >= 0 {
		// It stays open in the hook: a script's interpreter opens it by this name.
		path = "/proc/self/fd/" + sys.Int(len(files))
		files = append(files, uintptr(at.File))
	}
	pidfd := -1
	began := Now()
	pid, err := syscall.ForkExec(path, p.Argv(), &syscall.ProcAttr{
		Dir: at.Dir, Env: p.Env, Files: files, Sys: &syscall.SysProcAttr{Setsid: true, PidFD: &pidfd},
	})
	if err != nil {
		unix.Close(stdio.Output)
		return nil, p.Cannot("execve", err)
	}
	return &Process{Program: p, PID: pid, PidFD: pidfd, Output: stdio.Output, Began: began}, nil
}
