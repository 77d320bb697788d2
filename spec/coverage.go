package spec

import specs "github.com/opencontainers/runtime-spec/specs-go"

// Support says what becomes of a field of the specification.
type Support int

const (
	_        Support = iota
	Honoured         // done as the specification says
	Ignored          // of no effect here, for the reason given
	Refused          // an error when it is set, for the reason given
)

// Row is one field of the specification. The row of an object stands for all below it
// that has no row of its own.
type Row struct {
	Field   string // with [] for any index or key
	Support Support
	Because string // empty when honoured
}

// Coverage lists what becomes of every field of config.json; a test walks the types
// of the specification, so that none can be forgotten.
func Coverage() []Row { return coverage }

var coverage = []Row{
	{".ociVersion", Honoured, ""},
	{".process.terminal", Honoured, ""},
	{".process.consoleSize.height", Honoured, ""},
	{".process.consoleSize.width", Honoured, ""},
	{".process.user.uid", Honoured, ""},
	{".process.user.gid", Honoured, ""},
	{".process.user.umask", Honoured, ""},
	{".process.user.additionalGids", Honoured, ""},
	{".process.user.username", Ignored, "it is for Windows"},
	{".process.args", Honoured, ""},
	{".process.env", Honoured, ""},
	{".process.cwd", Honoured, ""},
	{".process.capabilities.bounding", Honoured, ""},
	{".process.capabilities.effective", Honoured, ""},
	{".process.capabilities.inheritable", Honoured, ""},
	{".process.capabilities.permitted", Honoured, ""},
	{".process.capabilities.ambient", Honoured, ""},
	{".process.rlimits[].type", Honoured, ""},
	{".process.rlimits[].hard", Honoured, ""},
	{".process.rlimits[].soft", Honoured, ""},
	{".process.noNewPrivileges", Honoured, ""},
	{".process.oomScoreAdj", Honoured, ""},
	{".root.path", Honoured, ""},
	{".root.readonly", Honoured, ""},
	{".hostname", Honoured, ""},
	{".domainname", Honoured, ""},
	{".mounts[].destination", Honoured, ""},
	{".mounts[].type", Honoured, ""},
	{".mounts[].source", Honoured, ""},
	{".mounts[].options", Honoured, ""},
	{".hooks.prestart[].path", Honoured, ""},
	{".hooks.prestart[].args", Honoured, ""},
	{".hooks.prestart[].env", Honoured, ""},
	{".hooks.prestart[].timeout", Honoured, ""},
	{".hooks.createRuntime[].path", Honoured, ""},
	{".hooks.createRuntime[].args", Honoured, ""},
	{".hooks.createRuntime[].env", Honoured, ""},
	{".hooks.createRuntime[].timeout", Honoured, ""},
	{".hooks.createContainer[].path", Honoured, ""},
	{".hooks.createContainer[].args", Honoured, ""},
	{".hooks.createContainer[].env", Honoured, ""},
	{".hooks.createContainer[].timeout", Honoured, ""},
	{".hooks.startContainer[].path", Honoured, ""},
	{".hooks.startContainer[].args", Honoured, ""},
	{".hooks.startContainer[].env", Honoured, ""},
	{".hooks.startContainer[].timeout", Honoured, ""},
	{".hooks.poststart[].path", Honoured, ""},
	{".hooks.poststart[].args", Honoured, ""},
	{".hooks.poststart[].env", Honoured, ""},
	{".hooks.poststart[].timeout", Honoured, ""},
	{".hooks.poststop[].path", Honoured, ""},
	{".hooks.poststop[].args", Honoured, ""},
	{".hooks.poststop[].env", Honoured, ""},
	{".hooks.poststop[].timeout", Honoured, ""},
	{".annotations", Honoured, ""},
	{".mounts[].uidMappings[].containerID", Honoured, ""},
	{".mounts[].uidMappings[].hostID", Honoured, ""},
	{".mounts[].uidMappings[].size", Honoured, ""},
	{".mounts[].gidMappings[].containerID", Honoured, ""},
	{".mounts[].gidMappings[].hostID", Honoured, ""},
	{".mounts[].gidMappings[].size", Honoured, ""},
	{".linux.uidMappings[].containerID", Honoured, ""},
	{".linux.uidMappings[].hostID", Honoured, ""},
	{".linux.uidMappings[].size", Honoured, ""},
	{".linux.gidMappings[].containerID", Honoured, ""},
	{".linux.gidMappings[].hostID", Honoured, ""},
	{".linux.gidMappings[].size", Honoured, ""},
	{".linux.sysctl", Honoured, ""},
	{".linux.resources.devices[].allow", Honoured, ""},
	{".linux.resources.devices[].type", Honoured, ""},
	{".linux.resources.devices[].major", Honoured, ""},
	{".linux.resources.devices[].minor", Honoured, ""},
	{".linux.resources.devices[].access", Honoured, ""},
	{".linux.resources.memory.limit", Honoured, ""},
	{".linux.resources.memory.reservation", Honoured, ""},
	{".linux.resources.memory.swap", Honoured, ""},
	{".linux.resources.memory.kernel", Refused, "cgroup v2 has no separate limit of kernel memory"},
	{".linux.resources.memory.kernelTCP", Refused, "cgroup v2 has no separate limit of TCP memory"},
	{".linux.resources.memory.swappiness", Refused, "cgroup v2 has no swappiness"},
	{".linux.resources.memory.disableOOMKiller", Refused, "cgroup v2 cannot switch the OOM killer off"},
	{".linux.resources.memory.useHierarchy", Ignored, "cgroup v2 is always hierarchical; false is refused"},
	{".linux.resources.memory.checkBeforeUpdate", Ignored, "it is about updates; a new container uses no memory"},
	{".linux.resources.cpu.shares", Honoured, ""},
	{".linux.resources.cpu.quota", Honoured, ""},
	{".linux.resources.cpu.burst", Honoured, ""},
	{".linux.resources.cpu.period", Honoured, ""},
	{".linux.resources.cpu.realtimeRuntime", Refused, "cgroup v2 has no real-time bandwidth"},
	{".linux.resources.cpu.realtimePeriod", Refused, "cgroup v2 has no real-time bandwidth"},
	{".linux.resources.cpu.cpus", Honoured, ""},
	{".linux.resources.cpu.mems", Honoured, ""},
	{".linux.resources.cpu.idle", Honoured, ""},
	{".linux.resources.pids.limit", Honoured, ""},
	{".linux.resources.blockIO.weight", Honoured, ""},
	{".linux.resources.blockIO.leafWeight", Refused, "cgroup v2 has no leaf weight"},
	{".linux.resources.blockIO.weightDevice[].major", Honoured, ""},
	{".linux.resources.blockIO.weightDevice[].minor", Honoured, ""},
	{".linux.resources.blockIO.weightDevice[].weight", Honoured, ""},
	{".linux.resources.blockIO.weightDevice[].leafWeight", Refused, "cgroup v2 has no leaf weight"},
	{".linux.resources.blockIO.throttleReadBpsDevice[].major", Honoured, ""},
	{".linux.resources.blockIO.throttleReadBpsDevice[].minor", Honoured, ""},
	{".linux.resources.blockIO.throttleReadBpsDevice[].rate", Honoured, ""},
	{".linux.resources.blockIO.throttleWriteBpsDevice[].major", Honoured, ""},
	{".linux.resources.blockIO.throttleWriteBpsDevice[].minor", Honoured, ""},
	{".linux.resources.blockIO.throttleWriteBpsDevice[].rate", Honoured, ""},
	{".linux.resources.blockIO.throttleReadIOPSDevice[].major", Honoured, ""},
	{".linux.resources.blockIO.throttleReadIOPSDevice[].minor", Honoured, ""},
	{".linux.resources.blockIO.throttleReadIOPSDevice[].rate", Honoured, ""},
	{".linux.resources.blockIO.throttleWriteIOPSDevice[].major", Honoured, ""},
	{".linux.resources.blockIO.throttleWriteIOPSDevice[].minor", Honoured, ""},
	{".linux.resources.blockIO.throttleWriteIOPSDevice[].rate", Honoured, ""},
	{".linux.resources.hugepageLimits[].pageSize", Honoured, ""},
	{".linux.resources.hugepageLimits[].limit", Honoured, ""},
	{".linux.resources.network.classID", Refused, "cgroup v2 has no network classes"},
	{".linux.resources.network.priorities[].name", Refused, "cgroup v2 has no network priorities"},
	{".linux.resources.network.priorities[].priority", Refused, "cgroup v2 has no network priorities"},
	{".linux.resources.rdma[].hcaHandles", Honoured, ""},
	{".linux.resources.rdma[].hcaObjects", Honoured, ""},
	{".linux.resources.unified", Honoured, ""},
	{".linux.cgroupsPath", Honoured, ""},
	{".linux.namespaces[].type", Honoured, ""},
	{".linux.namespaces[].path", Honoured, ""},
	{".linux.devices[].path", Honoured, ""},
	{".linux.devices[].type", Honoured, ""},
	{".linux.devices[].major", Honoured, ""},
	{".linux.devices[].minor", Honoured, ""},
	{".linux.devices[].fileMode", Honoured, ""},
	{".linux.devices[].uid", Honoured, ""},
	{".linux.devices[].gid", Honoured, ""},
	{".linux.rootfsPropagation", Honoured, ""},
	{".linux.maskedPaths", Honoured, ""},
	{".linux.readonlyPaths", Honoured, ""},
	{".linux.timeOffsets[].secs", Honoured, ""},
	{".linux.timeOffsets[].nanosecs", Honoured, ""},
	{".process.commandLine", Ignored, "it is for Windows"},
	{".process.apparmorProfile", Refused, "AppArmor profiles are not supported yet"},
	{".process.selinuxLabel", Refused, "SELinux labels are not supported yet"},
	{".process.scheduler", Refused, "scheduling policies are not supported yet"},
	{".process.ioPriority", Refused, "I/O priorities are not supported yet"},
	{".process.execCPUAffinity", Ignored, "it is for exec, which is not there yet"},
	{".linux.netDevices", Refused, "moving network devices is not supported yet"},
	{".linux.seccomp", Refused, "seccomp filters are not supported yet"},
	{".linux.mountLabel", Refused, "SELinux labels are not supported yet"},
	{".linux.intelRdt", Refused, "Intel RDT is not supported yet"},
	{".linux.memoryPolicy", Refused, "memory policies are not supported yet"},
	{".linux.personality.domain", Honoured, ""},
	{".linux.personality.flags", Refused, "personality flags are not supported yet: the specification names none"},
	{".solaris", Ignored, "it is for another platform"},
	{".windows", Ignored, "it is for another platform"},
	{".vm", Ignored, "it is for virtual machines"},
	{".zos", Ignored, "it is for another platform"},
	{".freebsd", Ignored, "it is for another platform"},
}

// refusals tells which of the refused objects a configuration sets. The refused
// members of linux.resources are judged where their values are: package cgroupv2.
var refusals = []struct {
	field string
	set   func(*specs.Spec) bool
}{
	{".process.apparmorProfile", func(s *specs.Spec) bool { return s.Process != nil && s.Process.ApparmorProfile != "" }},
	{".process.selinuxLabel", func(s *specs.Spec) bool { return s.Process != nil && s.Process.SelinuxLabel != "" }},
	{".process.scheduler", func(s *specs.Spec) bool { return s.Process != nil && s.Process.Scheduler != nil }},
	{".process.ioPriority", func(s *specs.Spec) bool { return s.Process != nil && s.Process.IOPriority != nil }},
	{".linux.netDevices", func(s *specs.Spec) bool { return s.Linux != nil && len(s.Linux.NetDevices) > 0 }},
	{".linux.seccomp", func(s *specs.Spec) bool { return s.Linux != nil && s.Linux.Seccomp != nil }},
	{".linux.mountLabel", func(s *specs.Spec) bool { return s.Linux != nil && s.Linux.MountLabel != "" }},
	{".linux.intelRdt", func(s *specs.Spec) bool { return s.Linux != nil && s.Linux.IntelRdt != nil }},
	{".linux.memoryPolicy", func(s *specs.Spec) bool { return s.Linux != nil && s.Linux.MemoryPolicy != nil }},
	{".linux.personality.flags", func(s *specs.Spec) bool {
		return s.Linux != nil && s.Linux.Personality != nil && len(s.Linux.Personality.Flags) > 0
	}},
}

// refuse reports what is set and not supported, by name.
func (c *checker) refuse() {
	for _, r := range refusals {
		if r.set(c.spec) {
			c.problem(r.field, because(r.field), "Leave it out. How to tell an engine so is in README.md.")
		}
	}
}

func because(field string) string {
	for _, row := range coverage {
		if row.Field == field {
			return row.Because
		}
	}
	return "not supported"
}
