package spawn

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func networkOf(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

func TestANewNetworkIsNotOurs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := networkOf(t, "/proc/thread-self/ns/net")
	fd, err := NewNetwork()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE); err != nil || kind != unix.CLONE_NEWNET {
		t.Errorf("a namespace of type %x, %v", kind, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Ino == before {
		t.Errorf("the new one is %d, ours %d, %v", st.Ino, before, err)
	}
	if after := networkOf(t, "/proc/thread-self/ns/net"); after != before {
		t.Errorf("this thread was in %d and is in %d", before, after)
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("it would be passed on: flags %x, %v", flags, err)
	}
}
