package spawn

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// nobody is the greatest user id there is (user_namespaces(7)), which nobody is given.
const nobody = 1<<32 - 2

// ownedByNobody calls a function that makes a user namespace.
//
// A user namespace belongs to the effective user of whoever makes it. Every process of that
// user in the parent namespace has all capabilities over it, also one that has none itself
// (user_namespaces(7) "Capabilities"; security/commoncap.c, cap_capable). As root's it would
// be open to each container without a user namespace whose program is root: that could
// trace our child, which has the host's files before its eyes, dumpable or not.
//
// Therefore this thread is another user meanwhile, with the capabilities it has. That nobody
// has no place in a user namespace that we are in ourselves: then it is who will be root in
// the new one, of which nobody else should make use either. Without the right to become
// another user nothing is done: who is the same user then has the same rights, too.
func ownedByNobody(root uint32, do func() error) error {
	if !Initialising {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	if unix.Geteuid() != 0 {
		return do()
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var capabilities [2]unix.CapUserData
	if err := unix.Capget(&header, &capabilities[0]); err != nil || capabilities[0].Effective&(1<<unix.CAP_DAC_OVERRIDE) == 0 {
		return do() // another user could not write the maps
	}
	atDeath := deathSignal()
	if setEffective(nobody) != 0 && setEffective(root) != 0 {
		return do()
	}
	// Leaving root has taken the effective ones away (capabilities(7) "Effect of user ID
	// changes on capabilities").
	err := unix.Capset(&header, &capabilities[0])
	if err == nil {
		err = do()
	}
	setEffective(0) // cannot fail: the real and the saved id are still root's
	_ = unix.Capset(&header, &capabilities[0])
	if atDeath != 0 { // cleared when ids change (prctl(2), PR_SET_PDEATHSIG)
		_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(atDeath), 0, 0, 0)
	}
	return err
}

// setEffective sets the effective user id of this thread alone.
func setEffective(uid uint32) unix.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0))
	return errno
}

func deathSignal() (sig int32) {
	_, _, _ = unix.RawSyscall(unix.SYS_PRCTL, unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&sig)), 0)
	return sig
}
