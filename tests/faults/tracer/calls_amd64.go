package tracer

import "golang.org/x/sys/unix"

// The calls that only old architectures have.
func init() {
	for nr, c := range map[uint64]call{
		unix.SYS_OPEN:    {"open", 0, func(_ *tracer, _ int, a args) bool { return opensToChange(a[1]) }},
		unix.SYS_CREAT:   {"creat", 0, nil},
		unix.SYS_MKDIR:   {"mkdir", 0, nil},
		unix.SYS_MKNOD:   {"mknod", 0, nil},
		unix.SYS_SYMLINK: {"symlink", 1, nil},
		unix.SYS_LINK:    {"link", 1, nil},
		unix.SYS_UNLINK:  {"unlink", 0, nil},
		unix.SYS_RMDIR:   {"rmdir", 0, nil},
		unix.SYS_RENAME:  {"rename", 1, nil},
		unix.SYS_CHMOD:   {"chmod", 0, nil},
		unix.SYS_CHOWN:   {"chown", 0, nil},
		unix.SYS_LCHOWN:  {"lchown", 0, nil},
		unix.SYS_FORK:    {"fork", noPath, nil},
		unix.SYS_VFORK:   {"vfork", noPath, nil},
	} {
		changes[nr] = c
	}
	housekeeping[unix.SYS_ARCH_PRCTL] = true
}
