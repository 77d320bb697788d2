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
		field := ".linux.sysctl[" + strconv.Quote(name) + "]"
		path, ok := sysctlPath(name)
		if !ok {
			c.fail(field, "not the name of a sysctl", "")
			return
		}
		if why := c.sysctlRefusal(path); why != "" {
			c.fail(field, why, "")
			return
		}
		c.add(field, &step.Sysctl{Name: name, Path: path, Value: c.spec.Linux.Sysctl[name]})
	}
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

func (c *compiler) sysctlRefusal(path string) string {
	need := func(t specs.LinuxNamespaceType) string {
		if c.has(t) {
			return ""
		}
		return "it needs a " + string(t) + " namespace of the container's own"
	}
	switch {
	case slices.Contains(ipcSysctls, path) || strings.HasPrefix(path, "fs/mqueue/"):
		return need(specs.IPCNamespace)
	case strings.HasPrefix(path, "net/"):
		return need(specs.NetworkNamespace)
	case path == "kernel/domainname":
		return need(specs.UTSNamespace)
	case path == "kernel/hostname":
		return "the host name is set by .hostname"
	case strings.HasPrefix(path, "user/"):
		return need(specs.UserNamespace)
	}
	return "it is not a parameter of any namespace: it would change the host"
}
