package libcontainer

import (
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"github.com/mdrun/mdrun/libcontainer/compile"
)

// Capabilities lists every capability that is known, by name.
func Capabilities() []string { return compile.CapabilityNames() }

// Features says what is supported, whatever this machine can do (features.md).
func Features() *features.Features {
	yes, no := true, false
	return &features.Features{
		OCIVersionMin: "1.0.0",
		OCIVersionMax: ociVersion,
		Hooks:         compile.HookKinds(),
		MountOptions:  compile.MountOptions(),
		Linux: &features.Linux{
			Namespaces:   []string{"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"},
			Capabilities: compile.CapabilityNames(),
			Cgroup:       &features.Cgroup{V1: &no, V2: &yes, Systemd: &no, SystemdUser: &no, Rdma: &yes},
			Seccomp:      &features.Seccomp{Enabled: &no},
			Apparmor:     &features.Apparmor{Enabled: &no},
			Selinux:      &features.Selinux{Enabled: &no},
			IntelRdt:     &features.IntelRdt{Enabled: &no},
			MemoryPolicy: &features.MemoryPolicy{},
			MountExtensions: &features.MountExtensions{
				IDMap: &features.IDMap{Enabled: &yes},
			},
			NetDevices: &features.NetDevices{Enabled: &no},
		},
	}
}
