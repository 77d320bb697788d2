package step

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

func errnoOf(n int) syscall.Errno { return syscall.Errno(n) }

// CgroupNamespace makes a cgroup namespace whose root is the container's cgroup.
// It is a step and no flag of clone3(2), which would take the parent's cgroup for
// the root (cgroup_namespaces(7)).
type CgroupNamespace struct{}

// Fields passes it through the codec.
func (s *CgroupNamespace) Fields(*Codec) {}
func (s *CgroupNamespace) String() string {
	return "make a cgroup namespace with the container's cgroup as its root"
}

// Apply unshares.
func (s *CgroupNamespace) Apply(*Env) error {
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return sys.Fail(err, "unshare", "CLONE_NEWCGROUP")
	}
	return nil
}

// Session makes init the leader of a session of its own: what runs in the container
// cannot reach the caller's terminal (setsid(2)).
type Session struct{}

// Fields passes it through the codec.
func (s *Session) Fields(*Codec)  {}
func (s *Session) String() string { return "begin a session of its own" }

// Apply begins it. A leader already is one: EPERM.
func (s *Session) Apply(*Env) error {
	if _, err := unix.Setsid(); err != nil && err != unix.EPERM {
		return sys.Fail(err, "setsid")
	}
	return nil
}

// Keyring gives the container a session keyring of its own, so that it does not see the
// caller's keys. It has no name: by name one would join a keyring that another container
// has made and opened to all, and share every key with that (keyctl(2)
// KEYCTL_JOIN_SESSION_KEYRING).
type Keyring struct{}

// Fields passes it through the codec.
func (s *Keyring) Fields(*Codec)  {}
func (s *Keyring) String() string { return "begin a session keyring of its own" }

// Apply begins it. A kernel without keyrings has no keys to hide.
func (s *Keyring) Apply(*Env) error {
	if _, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0); err != nil && err != unix.ENOSYS {
		return sys.Fail(err, "keyctl", "KEYCTL_JOIN_SESSION_KEYRING")
	}
	return nil
}

// EnterNetwork enters the network namespace that the host has made while init started up, and
// whose interface lo it has set up.
type EnterNetwork struct{}

// Fields passes it through the codec.
func (s *EnterNetwork) Fields(*Codec)  {}
func (s *EnterNetwork) String() string { return "enter the new network namespace" }

// Apply enters it. The other threads of init stay behind: they are the Go runtime's own, and
// end when the program takes init's place.
func (s *EnterNetwork) Apply(env *Env) error {
	if err := unix.Setns(env.Network, unix.CLONE_NEWNET); err != nil {
		return sys.Fail(err, "setns", "the new network namespace")
	}
	unix.Close(env.Network)
	env.Network = -1
	return nil
}

// Loopback sets the interface lo up, in a network namespace that init was born into. In one
// that it enters the host has done so.
type Loopback struct{}

// Fields passes it through the codec.
func (s *Loopback) Fields(*Codec)  {}
func (s *Loopback) String() string { return "set the loopback interface up" }

// Apply sets it up.
func (s *Loopback) Apply(*Env) error { return sys.RaiseLoopback() }
