package compile

import (
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Join is a namespace that the child enters.
type Join struct {
	Type  specs.LinuxNamespaceType
	Flag  int    // CLONE_NEW*
	Path  string // of the namespace file on the host
	Field string
}

// Birth says how the child is born (config-linux.md "Namespaces").
type Birth struct {
	New         uintptr // CLONE_NEW* flags; the cgroup namespace is a step instead
	Network     string  // the field of a network namespace that is made meanwhile; "" for none
	Join        []Join
	UID, GID    []specs.LinuxIDMapping
	TimeOffsets string // the text for timens_offsets
	OwnPID      bool   // in a new pid namespace, whose end is the end of all its processes
	Delegation  string // the field of the mount that lets the user change the cgroup; "" for none
	// DenySetgroups: the new user namespace is made without the right to set groups.
	DenySetgroups bool
	fields        map[specs.LinuxNamespaceType]string
}

var cloneFlags = values{
	{string(specs.PIDNamespace), unix.CLONE_NEWPID}, {string(specs.NetworkNamespace), unix.CLONE_NEWNET}, {string(specs.MountNamespace), unix.CLONE_NEWNS},
	{string(specs.IPCNamespace), unix.CLONE_NEWIPC}, {string(specs.UTSNamespace), unix.CLONE_NEWUTS}, {string(specs.UserNamespace), unix.CLONE_NEWUSER},
	{string(specs.CgroupNamespace), unix.CLONE_NEWCGROUP}, {string(specs.TimeNamespace), unix.CLONE_NEWTIME},
}

// NewBirth compiles it. A namespace by path that the runtime is in already is
// inherited: entering it again may not even be permitted (setns(2)).
func NewBirth(s *specs.Spec, f Facts) (Birth, error) {
	b := Birth{fields: map[specs.LinuxNamespaceType]string{}}
	if s.Linux == nil {
		return b, nil
	}
	for i, ns := range s.Linux.Namespaces {
		field := ".linux.namespaces[" + strconv.Itoa(i) + "]"
		b.fields[ns.Type] = field
		flag, ok := cloneFlags.of(string(ns.Type))
		switch {
		case !ok:
			return b, &Error{Field: field + ".type", Text: "unknown namespace type " + strconv.Quote(string(ns.Type))}
		case ns.Path != "" && f.Ours[ns.Type]:
		case ns.Path != "":
			b.Join = append(b.Join, Join{Type: ns.Type, Flag: int(flag), Path: ns.Path, Field: field + ".path"})
		case ns.Type == specs.CgroupNamespace:
		case ns.Type == specs.NetworkNamespace && networkMeanwhile(namespaces(s), f):
			b.Network = field
		default:
			b.New |= uintptr(flag)
		}
		b.OwnPID = b.OwnPID || ns.Type == specs.PIDNamespace && ns.Path == ""
	}
	if b.New&unix.CLONE_NEWUSER != 0 {
		b.UID, b.GID = s.Linux.UIDMappings, s.Linux.GIDMappings
		b.DenySetgroups = !f.maySetgroups()
	}
	b.TimeOffsets = timeOffsets(s.Linux.TimeOffsets)
	b.Delegation = delegation(s)
	return b, nil
}

// networkMeanwhile: the host makes the new network namespace while init starts up. One that
// is to belong to another user namespace than ours can only be made in there; and who is in
// a user namespace could not come back from it (setns(2): CAP_SYS_ADMIN over the one that
// owns the network).
func networkMeanwhile(all map[specs.LinuxNamespaceType]specs.LinuxNamespace, f Facts) bool {
	network, wanted := all[specs.NetworkNamespace]
	_, user := all[specs.UserNamespace]
	return wanted && network.Path == "" && !f.InUserNS && (!user || f.Ours[specs.UserNamespace])
}

// timeOffsets writes the lines of timens_offsets (time_namespaces(7)).
func timeOffsets(offsets map[string]specs.LinuxTimeOffset) string {
	var b strings.Builder
	for _, clock := range []string{"monotonic", "boottime"} {
		if o, ok := offsets[clock]; ok {
			b.WriteString(clock + " " + strconv.FormatInt(o.Secs, 10) + " " + strconv.FormatUint(uint64(o.Nanosecs), 10) + "\n")
		}
	}
	return b.String()
}

// Line is a sentence about the container and the field that it comes from.
type Line struct{ Field, Text string }

// Lines says in plain words what is made and entered at birth.
func (b *Birth) Lines() (lines []Line) {
	add := func(field, text string) { lines = append(lines, Line{field, text}) }
	for _, t := range []specs.LinuxNamespaceType{specs.UserNamespace, specs.PIDNamespace, specs.NetworkNamespace, specs.MountNamespace,
		specs.IPCNamespace, specs.UTSNamespace, specs.TimeNamespace} {
		if flag, _ := cloneFlags.of(string(t)); b.New&uintptr(flag) != 0 {
			add(b.fields[t], "a new "+string(t)+" namespace")
		}
		if t == specs.NetworkNamespace && b.Network != "" {
			add(b.Network, "a new network namespace, its loopback interface up")
		}
	}
	for _, j := range b.Join {
		add(j.Field, "enter the "+string(j.Type)+" namespace of "+j.Path)
	}
	for _, m := range []struct {
		field, kind string
		list        []specs.LinuxIDMapping
	}{{".linux.uidMappings", "user", b.UID}, {".linux.gidMappings", "group", b.GID}} {
		for i, l := range m.list {
			add(m.field+"["+strconv.Itoa(i)+"]", m.kind+" ids "+strconv.Itoa(int(l.ContainerID))+" to "+strconv.Itoa(int(l.ContainerID)+int(l.Size)-1)+
				" are "+strconv.Itoa(int(l.HostID))+" and up on the host")
		}
	}
	if b.TimeOffsets != "" {
		add(".linux.timeOffsets", "clocks moved by: "+strings.ReplaceAll(strings.TrimSpace(b.TimeOffsets), "\n", ", "))
	}
	if b.Delegation != "" {
		add(b.Delegation, "the cgroup belongs to the user of the program, who may make more below it")
	}
	return lines
}
