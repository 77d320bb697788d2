package sys

import "golang.org/x/sys/unix"

// RaiseLoopback sets the interface lo of this thread's network namespace up, where it is
// down when it is new (netdevice(7)).
func RaiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return Fail(err, "socket", "AF_INET")
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		return Fail(err, "ioctl", "SIOCSIFFLAGS", `"lo"`)
	}
	return nil
}
