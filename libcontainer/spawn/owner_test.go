package spawn

import (
	"os"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rights are what a thread has that ownedByNobody changes meanwhile.
type rights struct {
	ids          [3]int
	capabilities [2]unix.CapUserData
	atDeath      int32
}

func rightsNow(t *testing.T) (r rights) {
	t.Helper()
	r.ids[0], r.ids[1], r.ids[2] = unix.Getresuid()
	if err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &r.capabilities[0]); err != nil {
		t.Fatal(err)
	}
	r.atDeath = deathSignal()
	return r
}

func TestAUserNamespaceBelongsToNobody(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root makes a namespace that is another user's")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must(t, unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGUSR1), 0, 0, 0))
	defer func() { _ = unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0) }()
	proc, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(proc)
	before := rightsNow(t)
	fd, err := UserNamespace(proc, []Mapping{{Inside: 0, Outside: 5000, Size: 10}}, []Mapping{{Inside: 0, Outside: 5000, Size: 10}})
	must(t, err)
	defer unix.Close(fd)
	var owner uint32
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.NS_GET_OWNER_UID, uintptr(unsafe.Pointer(&owner))); errno != 0 {
		t.Fatal(errno)
	}
	if owner != nobody && !(nested() && owner == 5000) {
		t.Errorf("it belongs to user %d", owner)
	}
	if after := rightsNow(t); after != before || after.atDeath != int32(unix.SIGUSR1) {
		t.Errorf("the thread had %v and has %v", before, after)
	}
}

// nested: in a user namespace not all ids have a place.
func nested() bool {
	maps, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && string(maps) != "         0          0 4294967295\n"
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
