package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Bind shows a file or folder of the host in the container (MS_BIND).
type Bind struct {
	Source, Target string // Source is a path of the host, absolute
	Recursive      bool   // with the mounts below it
	After          Attributes
	Proc           bool // the source must be a procfs: the target is /proc
	Held           int  // number of the HoldSource that has the clone already; 0: none
	Keep           bool // for a later step that changes the mount
	IDs            IDMap
}

// Fields passes it through the codec.
func (s *Bind) Fields(c *Codec) {
	c.String(&s.Source)
	c.String(&s.Target)
	c.Bool(&s.Recursive)
	s.After.Fields(c)
	c.Bool(&s.Proc)
	c.Int(&s.Held)
	c.Bool(&s.Keep)
	s.IDs.Fields(c)
}

func (s *Bind) String() string {
	text := "bind " + s.Source + " to " + s.Target
	if s.Recursive {
		text += " with all mounts below"
	}
	return text + s.IDs.words() + s.After.words()
}

// Apply clones the source, sets the attributes while nobody can see the mount yet,
// and attaches it.
func (s *Bind) Apply(env *Env) error {
	tree, err := s.show(env)
	if err != nil {
		return err
	}
	return env.keep(tree, s.Keep)
}

// show gives the descriptor of the clone, which goes on to show the mount.
func (s *Bind) show(env *Env) (tree int, err error) {
	if tree, err = s.clone(env); err != nil {
		return -1, err
	}
	target, _, err := place(env, s.Target, func() (bool, error) {
		kind, err := kindOfFile(tree)
		return kind != unix.S_IFDIR, err
	})
	if err != nil {
		return -1, s.mismatch(err, tree, -1)
	}
	defer unix.Close(target)
	return tree, s.attach(env, tree, target)
}

func (s *Bind) attach(env *Env, tree, target int) error {
	if s.Proc && !onProc(tree) {
		return &Problem{Text: "source " + s.Source + " is no procfs, and only that can be mounted on /proc"}
	}
	if s.IDs.Mount > 0 {
		if err := env.Host.MapIDs(s.IDs.Mount, tree); err != nil {
			return err
		}
	}
	if err := s.After.apply(tree); err != nil {
		return s.locked(err)
	}
	if err := unix.MoveMount(tree, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return s.mismatch(sys.Fail(err, "move_mount", sys.Quote(s.Source), sys.Quote(s.Target)), tree, target)
	}
	return nil
}

func (s *Bind) clone(env *Env) (int, error) {
	if s.Held > 0 {
		return env.kept.sources[s.Held-1], nil
	}
	return cloneSource(env, s.Source, s.Recursive)
}

// cloneSource clones the mount of a path of the host. Where the way is closed to us, the
// host opens it.
func cloneSource(env *Env, source string, recursive bool) (int, error) {
	flags := uint(unix.OPEN_TREE_CLONE)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, source, flags|unix.OPEN_TREE_CLOEXEC)
	if err == nil {
		return tree, nil
	}
	if err == unix.EACCES {
		if fd, err := env.Host.Open(source); err == nil {
			defer unix.Close(fd)
			if tree, err := unix.OpenTree(fd, "", flags|unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLOEXEC); err == nil {
				return tree, nil
			}
		}
	}
	failed := sys.Fail(err, "open_tree", sys.Quote(source), "OPEN_TREE_CLONE")
	switch err {
	case unix.ENOENT:
		return -1, &Problem{Text: "source " + source + " does not exist on the host: no such file or directory",
			Hint: "Make it first: mdrun makes nothing on the host's side."}
	case unix.EACCES:
		return -1, &Problem{Text: failed.Error(), Hint: closedTo(source)}
	case unix.EINVAL:
		return -1, &Problem{Text: failed.Error(), Hint: "The mount that holds " + source + " is unbindable, or, without rbind, a user namespace would see what a mount below it hides."}
	}
	return -1, failed
}

// closedTo looks, after EACCES, for the folder that bars the way.
func closedTo(path string) string {
	for i := 1; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		var st unix.Stat_t
		folder := path[:i]
		if unix.Stat(folder, &st) != nil {
			break
		}
		if st.Mode&unix.S_IFMT == unix.S_IFDIR && unix.Faccessat(unix.AT_FDCWD, folder, unix.X_OK, unix.AT_EACCESS) != nil {
			return folder + " (mode " + sys.Octal(st.Mode&0o7777) + ") is closed to the user that the container's root is on the host: open it with chmod o+x, or map its owner."
		}
	}
	return "The way to " + path + " is closed to the user that the container's root is on the host."
}

// locked explains what a user namespace may not do: give back what the mount of the
// source lacks (mount_namespaces(7), "Restrictions on mount namespaces").
func (s *Bind) locked(err error) error {
	if sys.Errno(err) != unix.EPERM || s.After.Clear|s.After.RClear == 0 {
		return err
	}
	return &Problem{Text: err.Error(), Hint: "The mount of " + s.Source + " has flags that a user namespace may not clear: leave out options such as rw, suid, dev, exec or noatime."}
}

// mismatch finds out whether a file was to cover a folder or the reverse. target is -1
// when the way to it already failed.
func (s *Bind) mismatch(err error, tree, target int) error {
	switch sys.Errno(err) {
	case unix.EINVAL, unix.ENOTDIR:
	default:
		return err
	}
	source, err2 := kindOfFile(tree)
	if err2 != nil {
		return err
	}
	if target < 0 {
		return &Problem{Text: "the way to destination " + s.Target + " in the root filesystem goes through a file: " + err.Error(), Hint: found(err)}
	}
	there, err2 := kindOfFile(target)
	if err2 != nil || (source == unix.S_IFDIR) == (there == unix.S_IFDIR) {
		return err
	}
	return &Problem{Text: "source " + s.Source + " is " + folderOrFile(source) + ", destination " + s.Target + " is " + folderOrFile(there) +
		" in the root filesystem: not a directory", Hint: "A folder can only be mounted on a folder, a file on a file."}
}

func folderOrFile(kind uint32) string {
	if kind == unix.S_IFDIR {
		return "a folder"
	}
	return "a file"
}
