package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/inroot"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Sysctl sets a kernel parameter of the container's namespaces (config-linux.md
// "Sysctl").
type Sysctl struct {
	Name  string // as in config.json
	Path  string // below /proc/sys
	Value string
}

// Fields passes it through the codec.
func (s *Sysctl) Fields(c *Codec) { c.String(&s.Name); c.String(&s.Path); c.String(&s.Value) }
func (s *Sysctl) String() string  { return "set " + s.Name + " to " + s.Value }

// Apply writes it through procfs of the host's side, where nothing of the image can be
// in the way: /proc/sys shows the values of the namespaces of whoever opens it.
func (s *Sysctl) Apply(env *Env) error {
	err := inroot.WriteProc(env.Proc, "sys/"+s.Path, s.Value)
	if err == nil {
		return nil
	}
	switch sys.Errno(err) {
	case unix.ENOENT:
		return &Problem{Text: "the kernel has no sysctl " + s.Name + " (" + err.Error() + ")",
			Hint: "Look in /proc/sys/" + parentOf(s.Path) + " for what there is; some parameters come with a module."}
	case unix.EINVAL, unix.ERANGE:
		return &Problem{Text: err.Error(), Hint: "The kernel does not take this value; the present one is in /proc/sys/" + s.Path + "."}
	case unix.EACCES, unix.EPERM:
		return &Problem{Text: err.Error(), Hint: "The parameter is not the container's to set: it belongs to another user namespace, or is read-only."}
	case unix.EROFS:
		return &Problem{Text: err.Error(), Hint: "/proc/sys is read-only where mdrun runs: is that a container itself?"}
	}
	return err
}

func parentOf(path string) string {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '/' {
			return path[:i]
		}
	}
	return ""
}
