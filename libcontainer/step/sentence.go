package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// explain finds the kernel's sentence by doing the same through fsopen(2); what that
// makes is never attached to anything.
func (s *Mount) explain(err error, options []string) error {
	failed := &sys.Error{Call: "mount(" + sys.Quote(s.Source) + ", " + sys.Quote(s.Target) + ", " + sys.Quote(s.Type) + ", " +
		sys.Hex(s.Flags) + ", " + sys.Quote(commas(options)) + ")", Errno: sys.Errno(err)}
	switch failed.Errno {
	case unix.ENODEV:
		return &Problem{Text: `the kernel has no filesystem "` + s.Type + `" (` + failed.Error() + ")", Hint: typeHint(s.Type)}
	case unix.ENOTDIR:
		return &Problem{Text: "destination " + s.Target + " is a file in the root filesystem: " + failed.Error(), Hint: "A filesystem can only be mounted on a folder."}
	}
	fs, err := unix.Fsopen(s.Type, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return s.permission(failed)
	}
	defer unix.Close(fs)
	call := configure(fs, s.Source, options)
	if failed.Kernel = lastMessage(fs); call != "" && failed.Kernel != "" {
		failed.Call = call
	}
	if failed.Kernel == "" && failed.Errno == unix.EINVAL && namesID(options) {
		return &Problem{Text: failed.Error(), Hint: "An id in the options may have no place in the container's user namespace: map it, or leave the option out."}
	}
	return s.permission(failed)
}

// namesID: that an id is not mapped is what many kernels do not say.
func namesID(options []string) bool {
	for _, o := range options {
		if key, _, _ := cut(o, '='); key == "uid" || key == "gid" {
			return true
		}
	}
	return false
}

// permission names what the kernel asks for in silence (user_namespaces(7)).
func (s *Mount) permission(failed *sys.Error) error {
	if failed.Errno == unix.EACCES && s.Type == "cgroup2" {
		return &Problem{Text: failed.Error(), Hint: "A cgroup on the way to the container's is closed to its root: its directory in /sys/fs/cgroup lacks the mode 0755."}
	}
	if failed.Errno != unix.EPERM {
		return failed
	}
	needs := map[string]string{
		"proc":    "The kernel mounts a new proc only for a process that is in a pid namespace of its own user namespace, and only where nothing of the proc that it sees is hidden.",
		"sysfs":   "The kernel mounts a sysfs only for a network namespace that belongs to the same user namespace, and only where nothing of the sysfs that it sees is hidden.",
		"mqueue":  "The kernel mounts mqueue only for an ipc namespace that belongs to the same user namespace.",
		"cgroup2": "The kernel mounts cgroup2 only for a cgroup namespace that belongs to the same user namespace.",
	}
	hint, ok := needs[s.Type]
	if !ok {
		return failed
	}
	return &Problem{Text: failed.Error(), Hint: hint}
}

func typeHint(t string) string {
	if t == "bind" || t == "" || t == "none" {
		return `Type "bind" alone is no bind mount: add the option "bind" or "rbind".`
	}
	return "See /proc/filesystems; a module may have to be loaded."
}

// longestValue is what fsconfig(2) takes for a string, with its NUL.
const longestValue = 255

// configure gives the call that failed; "" where none did, or none could be made.
func configure(fs int, source string, options []string) string {
	if source != "" {
		if unix.FsconfigSetString(fs, "source", source) != nil {
			return "fsconfig(source=" + source + ")"
		}
	}
	for _, o := range options {
		key, value, assigned := cut(o, '=')
		var err error
		switch {
		case len(value) > longestValue:
			return ""
		case assigned:
			err = unix.FsconfigSetString(fs, key, value)
		default:
			err = unix.FsconfigSetFlag(fs, key)
		}
		if err != nil {
			return "fsconfig(" + o + ")"
		}
	}
	if unix.FsconfigCreate(fs) != nil {
		return "fsconfig(FSCONFIG_CMD_CREATE)"
	}
	return ""
}

func cut(s string, at byte) (before, after string, found bool) {
	for i := range len(s) {
		if s[i] == at {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// lastMessage reads the log of fsopen(2): one message per read, "e " before an
// error.
func lastMessage(fs int) string {
	text := ""
	buf := make([]byte, 1024)
	for {
		n, err := unix.Read(fs, buf)
		if err != nil || n <= 2 {
			return text
		}
		if buf[0] == 'e' {
			end := n
			for end > 2 && buf[end-1] == '\n' {
				end--
			}
			text = string(buf[2:end])
		}
	}
}
