package libcontainer

import (
	"errors"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/compile"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/libcontainer/spawn"
)

// birth opens what compile.Birth names.
type birth struct{ compile.Birth }

// config opens the namespaces that the child joins; done closes them.
func (b *birth) config() (c spawn.Config, done func(), err error) {
	c = spawn.Config{New: b.New, UID: mapping(b.UID), GID: mapping(b.GID), DenySetgroups: b.DenySetgroups, TimeOffsets: b.TimeOffsets}
	done = func() {
		for _, j := range c.Join {
			_ = unix.Close(j.FD)
		}
	}
	for _, j := range b.Join {
		fd, err := openNamespace(j)
		if err != nil {
			done()
			return c, nil, err
		}
		c.Join = append(c.Join, spawn.Join{Type: j.Flag, FD: fd, Field: j.Field})
	}
	return c, done, nil
}

// openNamespace makes sure that the file is a namespace of the right type
// (ioctl_nsfs(2) NS_GET_NSTYPE), so that the error names what is wrong.
func openNamespace(j compile.Join) (int, error) {
	fd, err := unix.Open(j.Path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &spawn.JoinError{Field: j.Field, Err: sys.Fail(err, "open", sys.Quote(j.Path))}
	}
	kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	if err == nil && kind == j.Flag {
		return fd, nil
	}
	unix.Close(fd)
	text := j.Path + " is not a namespace file"
	if err == nil {
		text = j.Path + " is a " + namespaceName(kind) + " namespace, not a " + string(j.Type) + " namespace"
	}
	return -1, &spawn.Refused{Field: j.Field, Text: text, Hint: "Give a file such as /proc/PID/ns/" + fileOf(j.Type) + "."}
}

func fileOf(t specs.LinuxNamespaceType) string {
	switch t {
	case specs.NetworkNamespace:
		return "net"
	case specs.MountNamespace:
		return "mnt"
	}
	return string(t)
}

func namespaceName(flag int) string {
	for name, f := range map[string]int{"pid": unix.CLONE_NEWPID, "network": unix.CLONE_NEWNET, "mount": unix.CLONE_NEWNS, "ipc": unix.CLONE_NEWIPC,
		"uts": unix.CLONE_NEWUTS, "user": unix.CLONE_NEWUSER, "cgroup": unix.CLONE_NEWCGROUP, "time": unix.CLONE_NEWTIME} {
		if f == flag {
			return name
		}
	}
	return strconv.Itoa(flag)
}

func mapping(in []specs.LinuxIDMapping) (out []spawn.Mapping) {
	for _, m := range in {
		out = append(out, spawn.Mapping{Inside: m.ContainerID, Outside: m.HostID, Size: m.Size})
	}
	return out
}

// hostOwner gives the ids on the host of the user that the program will be, as far as
// config.json tells; see adopt for a user namespace that is joined.
func (b *birth) hostOwner(s *specs.Spec) (uid, gid int) {
	if b.joins(specs.UserNamespace) {
		return unix.Geteuid(), unix.Getegid()
	}
	u := userOf(s)
	return toHost(b.UID, u.UID), toHost(b.GID, u.GID)
}

// userOf is root for a container without a process.
func userOf(s *specs.Spec) specs.User {
	if s.Process == nil {
		return specs.User{}
	}
	return s.Process.User
}

func (b *birth) joins(t specs.LinuxNamespaceType) bool {
	for _, j := range b.Join {
		if j.Type == t {
			return true
		}
	}
	return false
}

func toHost(maps []specs.LinuxIDMapping, id uint32) int {
	for _, m := range maps {
		if id >= m.ContainerID && id-m.ContainerID < m.Size {
			return int(m.HostID + (id - m.ContainerID))
		}
	}
	return int(id)
}

// adopt gives to the program's user what is his: the FIFO, where only the child's own
// maps tell who that is (in a user namespace that it has joined), and the cgroup that the
// container may change.
func (c *creation) adopt() error {
	uid, gid, ok := c.owner()
	if !ok {
		return nil // an id that is not mapped is for the plan's user step to report
	}
	if c.Birth.joins(specs.UserNamespace) {
		if err := unix.Fchownat(c.dir.fd(), uncommit, uid, gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return sys.Fail(err, "fchownat", sys.Quote(uncommit), sys.Int(uid), sys.Int(gid))
		}
	}
	if c.cgroup == nil || c.Birth.Delegation == "" || uid == unix.Geteuid() {
		return nil
	}
	err := c.cgroup.Delegate(uid)
	if err != nil && unix.Geteuid() != 0 {
		// Without privileges we can give nothing away; the container then has a cgroup
		// that it cannot change, and no more is asked of us than to try.
		c.runtime.warn("the cgroup keeps its owner: "+err.Error(), "config", c.Birth.Delegation)
		return nil
	}
	return err
}

// owner gives the ids on the host of the user that the program will be.
func (c *creation) owner() (uid, gid int, ok bool) {
	if !c.Birth.joins(specs.UserNamespace) {
		uid, gid = c.Birth.hostOwner(c.Bundle.Spec)
		return uid, gid, true
	}
	u := userOf(c.Bundle.Spec)
	proc := "/proc/" + strconv.Itoa(c.child.PID)
	uid, err := lookUpMap(proc+"/uid_map", u.UID)
	if err != nil {
		return 0, 0, false
	}
	gid, err = lookUpMap(proc+"/gid_map", u.GID)
	return uid, gid, err == nil
}

func lookUpMap(file string, id uint32) (int, error) {
	data, err := sys.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		inside, _ := strconv.ParseUint(f[0], 10, 32)
		outside, _ := strconv.ParseUint(f[1], 10, 32)
		size, _ := strconv.ParseUint(f[2], 10, 64)
		if uint64(id) >= inside && uint64(id)-inside < size {
			return int(outside + uint64(id) - inside), nil
		}
	}
	return 0, errors.New("id " + strconv.FormatUint(uint64(id), 10) + " is not mapped in " + file)
}
