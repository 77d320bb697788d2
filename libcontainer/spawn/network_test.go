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

// loopbackIsUp looks from a thread that ends in there.
func loopbackIsUp(t *testing.T, network int) bool {
	t.Helper()
	var flags uint16
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and ends with the goroutine
		done <- func() error {
			if err := unix.Setns(network, unix.CLONE_NEWNET); err != nil {
				return err
			}
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			lo, err := unix.NewIfreq("lo")
			if err != nil {
				return err
			}
			err = unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, lo)
			flags = lo.Uint16()
			return err
		}()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return flags&unix.IFF_UP != 0
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
	if !loopbackIsUp(t, fd) {
		t.Error("its loopback interface is down")
	}
	if after := networkOf(t, "/proc/thread-self/ns/net"); after != before {
		t.Errorf("this thread was in %d and is in %d", before, after)
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("it would be passed on: flags %x, %v", flags, err)
	}
}
