package step

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestStepNames(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.apply(&Hostname{Name: "inside"}, &Domainname{Name: "example.org"})
	var u unix.Utsname
	must(t, unix.Uname(&u))
	if host, domain := unix.ByteSliceToString(u.Nodename[:]), unix.ByteSliceToString(u.Domainname[:]); host != "inside" || domain != "example.org" {
		t.Errorf("host %q, domain %q", host, domain)
	}
	long := strings.Repeat("x", 65)
	w.fails(&Hostname{Name: long}, `sethostname("`+long+`"): invalid argument`, "")
	w.fails(&Domainname{Name: long}, `setdomainname("`+long+`"): invalid argument`, "")
}

func TestStepSysctl(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.apply(&Sysctl{Name: "net.ipv4.ip_forward", Path: "net/ipv4/ip_forward", Value: "1"}, &Sysctl{Name: "kernel.shmmni", Path: "kernel/shmmni", Value: "77"})
	for path, want := range map[string]string{"net/ipv4/ip_forward": "1\n", "kernel/shmmni": "77\n"} {
		if got, err := os.ReadFile("/proc/sys/" + path); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	w.fails(&Sysctl{Name: "net.ipv4.ip_forwardd", Path: "net/ipv4/ip_forwardd", Value: "1"}, "the kernel has no sysctl net.ipv4.ip_forwardd", "")
	w.fails(&Sysctl{Name: "net.ipv4.ip_forward", Path: "net/ipv4/ip_forward", Value: "x"}, `write("/proc/sys/net/ipv4/ip_forward", "x"): invalid argument`, "")
	w.fails(&Sysctl{Name: "net...", Path: "../../etc/hostname", Value: "1"}, "invalid cross-device link", "")
	// A file that something was mounted over is not the kernel's.
	w.write("fake", "", 0o644)
	must(t, unix.Mount(w.in("fake"), "/proc/sys/net/ipv4/ip_forward", "", unix.MS_BIND, ""))
	w.fails(&Sysctl{Name: "net.ipv4.ip_forward", Path: "net/ipv4/ip_forward", Value: "0"}, "invalid cross-device link", "")
}

// newNetwork is what the host's side does.
func newNetwork(t *testing.T) (fd int) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		done <- err
	}()
	must(t, <-done)
	return fd
}

func TestStepWorld(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	before, err := os.Readlink("/proc/thread-self/ns/cgroup")
	must(t, err)
	network, err := os.Readlink("/proc/thread-self/ns/net")
	must(t, err)
	w.env.Network = newNetwork(t)
	must(t, join("_ses.test"))
	w.apply(&Session{}, &Session{}, &Keyring{}, &EnterNetwork{}, &Loopback{}, &CgroupNamespace{})
	if entered, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || entered == network {
		t.Errorf("network namespace %q, before %q, %v", entered, network, err)
	}
	if sid, err := unix.Getsid(0); err != nil || sid != os.Getpid() {
		t.Errorf("session %d of process %d, %v", sid, os.Getpid(), err)
	}
	if after, err := os.Readlink("/proc/thread-self/ns/cgroup"); err != nil || after == before {
		t.Errorf("cgroup namespace %q, before %q, %v", after, before, err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	ifr, err := unix.NewIfreq("lo")
	must(t, err)
	must(t, unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, ifr))
	if ifr.Uint16()&unix.IFF_UP == 0 {
		t.Error("lo is down")
	}
	// Neither the one that init was born with, nor one that has a name to be found by.
	name := make([]byte, 200)
	n, err := unix.KeyctlBuffer(unix.KEYCTL_DESCRIBE, unix.KEY_SPEC_SESSION_KEYRING, name, 0)
	if err != unix.ENOSYS && (err != nil || !strings.HasSuffix(string(name[:max(n-1, 0)]), ";_ses")) {
		t.Errorf("session keyring %q, %v", name[:n], err)
	}
}

func join(keyring string) error {
	_, err := unix.KeyctlJoinSessionKeyring(keyring)
	if err == unix.ENOSYS {
		return nil
	}
	return err
}
