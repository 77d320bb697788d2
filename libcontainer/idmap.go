package libcontainer

import (
	"errors"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/libcontainer/internal/wire"
	"github.com/mdrun/mdrun/libcontainer/spawn"
	"github.com/mdrun/mdrun/libcontainer/step"
)

// idMaps are the user namespaces that mounts of one container take their ids from; one
// serves all mounts with the same mappings.
type idMaps []idMap

type idMap struct {
	uids, gids []step.IDRange
	namespace  int
}

func (m *idMaps) close() {
	for _, one := range *m {
		_ = unix.Close(one.namespace)
	}
	*m = nil
}

// mapIDs answers a child that is about to attach a mount whose files are to be those of
// others. The map is that of the plan, whatever the child is.
func (c *creation) mapIDs(number string, tree int) error {
	if tree < 0 {
		return errors.New("the child sent no mount whose ids are to be mapped")
	}
	defer unix.Close(tree)
	bind, field := c.bindOf(number)
	if bind == nil {
		return errors.New("the child asked to map the ids of a mount that the plan does not name")
	}
	namespace, err := c.idMaps.of(&bind.IDs, c.child.PID)
	if err != nil {
		if len(bind.IDs.UIDs) > 0 {
			return &Error{Field: field + ".uidMappings", Err: err, Hint: mapHint(err)}
		}
		return &Error{Field: field, Err: err}
	}
	flags := uint(unix.AT_EMPTY_PATH)
	if bind.IDs.Recursive {
		flags |= unix.AT_RECURSIVE
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(namespace)}
	if err := unix.MountSetattr(tree, "", flags, &attr); err != nil {
		failed := sys.Fail(err, "mount_setattr", sys.Quote(bind.Source), "MOUNT_ATTR_IDMAP")
		return &Error{Field: field, Err: failed, Hint: idMapHint(err, bind, tree)}
	}
	return c.child.Conn.Send(wire.GoOn, nil, -1)
}

// bindOf finds the mount that a child means, if its ids are to be mapped.
func (c *creation) bindOf(number string) (*step.Bind, string) {
	n, err := strconv.Atoi(number)
	if err != nil || n <= 0 {
		return nil, ""
	}
	for _, e := range c.Plan {
		if s, ok := e.Step.(*step.Bind); ok && s.IDs.Mount == n {
			return s, e.Field
		}
	}
	return nil, ""
}

// of gives the namespace with these mappings, or with none the one of the container.
func (m *idMaps) of(ids *step.IDMap, child int) (int, error) {
	for _, one := range *m {
		if slices.Equal(one.uids, ids.UIDs) && slices.Equal(one.gids, ids.GIDs) {
			return one.namespace, nil
		}
	}
	proc, err := openProc()
	if err != nil {
		return -1, err
	}
	defer unix.Close(proc)
	var namespace int
	if len(ids.UIDs) == 0 {
		namespace, err = spawn.OpenUserNamespace(proc, child)
	} else {
		namespace, err = spawn.UserNamespace(proc, idLines(ids.UIDs), idLines(ids.GIDs))
	}
	if err != nil {
		return -1, err
	}
	*m = append(*m, idMap{ids.UIDs, ids.GIDs, namespace})
	return namespace, nil
}

func idLines(in []step.IDRange) (out []spawn.Mapping) {
	for _, r := range in {
		out = append(out, spawn.Mapping{Inside: r.Disk, Outside: r.Shown, Size: r.Size})
	}
	return out
}

func mapHint(err error) string {
	switch sys.Errno(err) {
	case unix.EPERM, unix.EACCES:
		return "Mappings to ids other than the caller's own need CAP_SETUID and CAP_SETGID on the host, and those of user 0 CAP_SETFCAP."
	case unix.ENOSPC, unix.EUSERS:
		return "No more user namespaces are allowed: raise /proc/sys/user/max_user_namespaces."
	}
	return ""
}

// idMapHint says why the kernel refused (mount_setattr(2) "Errors").
func idMapHint(err error, bind *step.Bind, tree int) string {
	switch {
	case err == unix.EPERM && unix.Geteuid() != 0:
		return "Only who has CAP_SYS_ADMIN where the filesystem was mounted may map its ids: run mdrun as root, or leave the mapping out."
	case err == unix.EPERM:
		return "The mount of " + bind.Source + " has mapped ids already, or its filesystem belongs to a user namespace that is not ours: give the place that it comes from."
	case err != unix.EINVAL:
		return ""
	}
	text := "The kernel maps no ids on " + filesystemName(tree)
	if bind.IDs.Recursive {
		text += ", or not on that of a mount below"
	}
	return text + ": ext4, xfs, btrfs and, since Linux 6.3, tmpfs can do it. Put the source on one of them, or leave the mapping out."
}

// filesystemName names those that are often met and cannot map ids.
func filesystemName(fd int) string {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return "its filesystem"
	}
	for _, known := range []struct {
		magic int64
		name  string
	}{{unix.PROC_SUPER_MAGIC, "proc"}, {unix.SYSFS_MAGIC, "sysfs"}, {unix.NFS_SUPER_MAGIC, "nfs"}, {unix.OVERLAYFS_SUPER_MAGIC, "overlay"},
		{unix.FUSE_SUPER_MAGIC, "fuse"}, {unix.CGROUP2_SUPER_MAGIC, "cgroup2"}, {unix.DEVPTS_SUPER_MAGIC, "devpts"}, {unix.TMPFS_MAGIC, "this kernel's tmpfs"},
		{unix.V9FS_MAGIC, "9p"}, {unix.EXT4_SUPER_MAGIC, "this kernel's ext4"}, {unix.NSFS_MAGIC, "nsfs"}} {
		if int64(fs.Type) == known.magic {
			return known.name
		}
	}
	return "a filesystem of this kind (statfs(2) type " + sys.Hex(uint64(fs.Type)) + ")"
}
