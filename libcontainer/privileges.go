package libcontainer

import (
	"errors"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

const rootlessHint = "Run it as root, or start from what `mdrun spec --rootless` writes: a configuration with a user namespace that maps your own ids."

// privileges looks whether we may make such a container at all, before anything is
// made: each call of a plan that is not permitted would name another symptom.
func (d *design) privileges() error {
	l := d.Bundle.Spec.Linux
	switch {
	case d.Birth.joins(specs.UserNamespace):
		return nil // whether it may be entered the kernel says (setns(2))
	case d.Birth.New&unix.CLONE_NEWUSER == 0:
		if d.may(unix.CAP_SYS_ADMIN) {
			return nil
		}
		return &Error{Field: ".linux.namespaces", Hint: rootlessHint,
			Err: errors.New("a container without a user namespace needs root (CAP_SYS_ADMIN), and user " + sys.Int(unix.Geteuid()) + " lacks it")}
	}
	if err := d.mayMap(".linux.uidMappings", "user", l.UIDMappings, unix.Geteuid(), unix.CAP_SETUID); err != nil {
		return err
	}
	return d.mayMap(".linux.gidMappings", "group", l.GIDMappings, unix.Getegid(), unix.CAP_SETGID)
}

func (d *design) may(capability int) bool { return d.Facts.Permitted&(1<<capability) != 0 }

// mayMap: without the capability a process can map its own id, and no other
// (user_namespaces(7) "Defining user and group ID mappings").
func (d *design) mayMap(field, kind string, maps []specs.LinuxIDMapping, own, capability int) error {
	if d.may(capability) || len(maps) == 1 && maps[0].Size == 1 && int(maps[0].HostID) == own {
		return nil
	}
	return &Error{Field: field, Hint: rootlessHint,
		Err: errors.New(kind + " " + sys.Int(own) + " is not root and can map nothing but itself: one range of size 1 with hostID " + sys.Int(own))}
}
