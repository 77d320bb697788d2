package libcontainer

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/libcontainer/internal/wire"
	"github.com/mdrun/mdrun/libcontainer/step"
)

// openForChild answers a child in a user namespace whose user cannot pass a folder on
// the way to what it is to mount: Kubernetes keeps volumes in such folders.
func (c *creation) openForChild(path string) error {
	fd, err := c.reach(path)
	if err != nil {
		return c.child.Conn.Send(wire.Opened, []byte{byte(sys.Errno(err))}, -1)
	}
	defer unix.Close(fd)
	return c.child.Conn.Send(wire.Opened, nil, fd)
}

// reach opens a path with our rights, but in the child's mount namespace: the mounts
// there keep the flags that a user namespace may not clear. Links are followed as the
// child would.
func (c *creation) reach(path string) (int, error) {
	if !c.planNames(path) {
		return -1, unix.EPERM
	}
	root, err := unix.Open("/proc/"+strconv.Itoa(c.child.PID)+"/root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(root)
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	var fd int
	err = sys.Retry(func() (err error) {
		fd, err = unix.Openat2(root, strings.TrimPrefix(path, "/"), &how)
		return err
	})
	return fd, err
}

// scoreChild sets the child's oom_score_adj, which it could not do itself.
func (c *creation) scoreChild() error {
	const field = ".process.oomScoreAdj"
	p := c.Bundle.Spec.Process
	if p == nil || p.OOMScoreAdj == nil {
		return &Error{Field: field, Err: errors.New("the child asked for a score that nobody has set")}
	}
	path := "/proc/" + strconv.Itoa(c.child.PID) + "/oom_score_adj"
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &Error{Field: field, Err: sys.Fail(err, "open", sys.Quote(path))}
	}
	defer unix.Close(fd)
	value := strconv.Itoa(*p.OOMScoreAdj)
	if _, err := unix.Write(fd, []byte(value)); err != nil {
		return &Error{Field: field, Err: sys.Fail(err, "write", sys.Quote(path), value),
			Hint: "A score below the caller's own needs CAP_SYS_RESOURCE on the host."}
	}
	return c.child.Conn.Send(wire.GoOn, nil, -1)
}

// makeRoom raises the hard half of the child's limit of this name, which it could not do
// itself.
func (c *creation) makeRoom(limit string) error {
	for _, e := range c.Plan {
		s, ok := e.Step.(*step.Rlimit)
		if !ok || s.Name != limit {
			continue
		}
		if was, err := s.MakeRoom(c.child.PID); err != nil {
			return &Error{Field: e.Field, Err: sys.Fail(err, "prlimit", s.Name, sys.Uint(s.Hard)),
				Hint: "The hard limit is " + was + " here, and raising it needs CAP_SYS_RESOURCE: lower it in config.json, or start the runtime with a higher one."}
		}
		return c.child.Conn.Send(wire.GoOn, nil, -1)
	}
	return errors.New("the child asked for a limit that the plan does not name")
}

// planNames: a child may only ask for what it was told to mount.
func (c *creation) planNames(path string) bool {
	for _, e := range c.Plan {
		switch s := e.Step.(type) {
		case *step.Bind:
			if s.Source == path {
				return true
			}
		case *step.HoldSource:
			if s.Source == path {
				return true
			}
		case *step.EnterRoot:
			if s.Path == path {
				return true
			}
		}
	}
	return false
}
