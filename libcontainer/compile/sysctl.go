package compile

import (
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// sysctl compiles .linux.sysctl. Only parameters that belong to a namespace of the
// container may be set; any other would be the host's.
func (c *compiler) sysctl() {
	if c.spec.Linux == nil {
		return
	}
	names := make([]string, 0, len(c.spec.Linux.Sysctl))
	for name := range c.spec.Linux.Sysctl {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		c.oneSysctl(name, c.spec.Linux.Sysctl[name])
	}
}

func (c *compiler) oneSysctl(name, value string) {
	field := ".linux.sysctl[" + strconv.Quote(name) + "]"
	path, ok := sysctlPath(name)
	if !ok {
		c.fail(field, "not the name of a sysctl", `Names are like net.ipv4.ip_forward or net/ipv4/ip_forward.`)
		return
	}
	// The kernel would take what stands before the line break, and drop the rest.
	if value == "" || strings.ContainsAny(value, "\n\r\x00") {
		c.fail(field, "the value "+strconv.Quote(value)+" is empty or has a line break", "Give what you would write into the file below /proc/sys.")
		return
	}
	if why, hint := c.sysctlRefusal(path); why != "" {
		c.fail(field, why, hint)
		return
	}
	c.add(field, &step.Sysctl{Name: name, Path: path, Value: value})
}

// sysctlPath follows sysctl(8): the first separator decides which of "." and "/"
// separates; the other is part of a name (net/ipv4/conf/eth0.100/rp_filter).
func sysctlPath(name string) (string, bool) {
	i := strings.IndexAny(name, "./")
	if i < 0 {
		return "", false
	}
	path := name
	if name[i] == '.' {
		path = strings.Map(func(r rune) rune {
			switch r {
			case '.':
				return '/'
			case '/':
				return '.'
			}
			return r
		}, name)
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "+\x00") {
			return "", false
		}
	}
	return path, true
}

var ipcSysctls = []string{"kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem", "kernel/shmall", "kernel/shmmax", "kernel/shmmni", "kernel/shm_rmid_forced"}

// sysctlNamespace gives the kind of namespace that a parameter belongs to; "" for the
// host's own.
func sysctlNamespace(path string) specs.LinuxNamespaceType {
	switch {
	case slices.Contains(ipcSysctls, path) || strings.HasPrefix(path, "fs/mqueue/"):
		return specs.IPCNamespace
	case strings.HasPrefix(path, "net/"):
		return specs.NetworkNamespace
	case path == "kernel/domainname":
		return specs.UTSNamespace
	case strings.HasPrefix(path, "user/"):
		return specs.UserNamespace
	}
	return ""
}

func (c *compiler) sysctlRefusal(path string) (why, hint string) {
	if path == "kernel/hostname" {
		return "the host name is set by .hostname", ""
	}
	t := sysctlNamespace(path)
	switch {
	case t == "":
		return "it is not a parameter of any namespace: it would change the host", "Set it on the host, with sysctl(8)."
	case !c.own(t):
		return "it belongs to the " + string(t) + " namespace, and the container has none of its own: it would change the host",
			`Add {"type": "` + string(t) + `"} to .linux.namespaces; a path must not lead to the host's.`
	}
	return "", ""
}
