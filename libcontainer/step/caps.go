package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// CapabilityNames are those of capabilities(7), in the order of their numbers.
var CapabilityNames = [...]string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
	"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
	"CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP",
	"CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
}

// capabilitySet names what is in a set; last is the kernel's last capability.
func capabilitySet(bits uint64, last int) string {
	if all := uint64(1)<<(uint(last)+1) - 1; bits&all == all {
		return "all"
	}
	text := ""
	for n, name := range CapabilityNames {
		if bits&(1<<n) != 0 {
			text += " " + name
		}
	}
	if text == "" {
		return "none"
	}
	return text[1:]
}

// Capabilities sets the five sets of this thread (capabilities(7)); bit N is the
// capability with the number N.
type Capabilities struct {
	Bounding, Effective, Inheritable, Permitted, Ambient uint64
	Last                                                 int // the kernel's last capability
}

// Fields passes them through the codec.
func (s *Capabilities) Fields(c *Codec) {
	c.Uint64(&s.Bounding)
	c.Uint64(&s.Effective)
	c.Uint64(&s.Inheritable)
	c.Uint64(&s.Permitted)
	c.Uint64(&s.Ambient)
	c.Int(&s.Last)
}

func (s *Capabilities) String() string {
	text := "set capabilities"
	for _, set := range []struct {
		name string
		bits uint64
	}{{"permitted", s.Permitted}, {"effective", s.Effective}, {"inheritable", s.Inheritable}, {"ambient", s.Ambient}} {
		text += ", " + set.name + " " + capabilitySet(set.bits, s.Last)
	}
	return text
}

// Apply sets them.
func (s *Capabilities) Apply(*Env) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	for i := range data {
		data[i].Effective = uint32(s.Effective >> (32 * i))
		data[i].Permitted = uint32(s.Permitted >> (32 * i))
		data[i].Inheritable = uint32(s.Inheritable >> (32 * i))
	}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return sys.Fail(err, "capset", sys.Hex(s.Permitted), sys.Hex(s.Effective), sys.Hex(s.Inheritable))
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return sys.Fail(err, "prctl", "PR_CAP_AMBIENT_CLEAR_ALL")
	}
	for n := range s.Last + 1 {
		if s.Ambient&(1<<n) == 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(n), 0, 0); err != nil {
			return sys.Fail(err, "prctl", "PR_CAP_AMBIENT_RAISE", sys.Int(n))
		}
	}
	return nil
}

// Bounding drops capabilities from the bounding set, which needs CAP_SETPCAP and so
// comes before the user changes.
type Bounding struct {
	Keep uint64
	Last int
}

// Fields passes it through the codec.
func (s *Bounding) Fields(c *Codec) { c.Uint64(&s.Keep); c.Int(&s.Last) }
func (s *Bounding) String() string {
	return "keep in the bounding set " + capabilitySet(s.Keep, s.Last)
}

// Apply drops the others.
func (s *Bounding) Apply(*Env) error {
	for n := range s.Last + 1 {
		if s.Keep&(1<<n) != 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(n), 0, 0, 0); err != nil {
			return sys.Fail(err, "prctl", "PR_CAPBSET_DROP", sys.Int(n))
		}
	}
	return nil
}
