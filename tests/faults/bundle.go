package main

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Places inside the sandbox. All but the cgroup lie in its private tmpfs.
const (
	workDir   = "/tmp/faults"
	bundleDir = workDir + "/bundle"
	rootfsDir = bundleDir + "/rootfs"
	pidFile   = workDir + "/pids/init.pid"
	consoleAt = workDir + "/console.sock"
	hookMark  = workDir + "/hook-runs"
	stopMark  = workDir + "/poststop-ran"
	stateRoot = "/run/faults/state"
	id        = "victim"
	neighbour = "neighbour"
	// The parent is made by the runtime too, when it is not there.
	pods       = "/pods/"
	cgroupPath = pods + id
	// firstUser is where the user namespace of the container begins on the host.
	firstUser = 100000
)

// variant is one kind of container that the sweep is done with.
type variant struct {
	Name     string `json:"name"`
	Userns   bool   `json:"userns,omitempty"`
	Terminal bool   `json:"terminal,omitempty"`
	Hooks    bool   `json:"hooks,omitempty"`
	Binds    bool   `json:"binds,omitempty"`  // more of them, in every manner
	Hang     bool   `json:"hang,omitempty"`   // a hook never ends: only a race has that
	Cgroup   string `json:"cgroup,omitempty"` // where it is not cgroupPath
}

var variants = []variant{
	{Name: "plain"},
	{Name: "userns", Userns: true},
	{Name: "terminal", Terminal: true},
	{Name: "userns+terminal", Userns: true, Terminal: true},
	{Name: "hooks", Hooks: true},
	{Name: "everything", Userns: true, Terminal: true, Hooks: true, Binds: true},
}

// layOut makes the places and the container's root: one static program in bin, and
// no mount points, so that the runtime has to make them.
func layOut(busybox string) error {
	if err := mustBeStatic(busybox); err != nil {
		return err
	}
	for _, dir := range []string{rootfsDir + "/bin", filepath.Dir(pidFile), filepath.Dir(stateRoot)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	if err := os.WriteFile(payload(), program, 0o755); err != nil {
		return err
	}
	for _, applet := range []string{"true", "sleep", "sh"} {
		if err := os.Symlink("busybox", rootfsDir+"/bin/"+applet); err != nil {
			return err
		}
	}
	return nil
}

func payload() string { return rootfsDir + "/bin/busybox" }

func mustBeStatic(program string) error {
	f, err := elf.Open(program)
	if err != nil {
		return fmt.Errorf("%w (install the package busybox-static, or name one with -busybox)", err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s is not static: install the package busybox-static, or name one with -busybox", program)
		}
	}
	return nil
}

// writeConfig writes config.json for a container that runs args.
func writeConfig(v variant, args ...string) error {
	s := baseSpec(args)
	s.Process.Terminal = v.Terminal
	if v.Userns {
		inUserNamespace(s)
	}
	if v.Hooks {
		addHooks(s)
	}
	if v.Binds {
		addBinds(s)
	}
	if v.Hang {
		hang(s)
	}
	if v.Cgroup != "" {
		s.Linux.CgroupsPath = v.Cgroup
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := own(v); err != nil {
		return err
	}
	return os.WriteFile(bundleDir+"/config.json", data, 0o644)
}

// own gives the root to the container's own root user, who has to make mount points
// in it.
func own(v variant) error {
	uid := 0
	if v.Userns {
		uid = firstUser
	}
	return filepath.WalkDir(rootfsDir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, uid)
	})
}

func baseSpec(args []string) *specs.Spec {
	caps := []string{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
	return &specs.Spec{
		Version: "1.2.0",
		Process: &specs.Process{
			Args: args, Cwd: "/", Env: []string{"PATH=/bin", "TERM=xterm"}, NoNewPrivileges: true,
			Capabilities: &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps},
			Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 1024}},
		},
		Root:     &specs.Root{Path: "rootfs"},
		Hostname: "victim",
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
			{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
			{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
			{Destination: "/data/volume", Type: "bind", Source: workDir + "/pids", Options: []string{"rbind", "rw"}},
		},
		Linux: &specs.Linux{
			CgroupsPath: cgroupPath,
			Resources:   &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}},
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.IPCNamespace},
				{Type: specs.UTSNamespace}, {Type: specs.MountNamespace}, {Type: specs.CgroupNamespace},
			},
			MaskedPaths:   []string{"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}

func inUserNamespace(s *specs.Spec) {
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: firstUser, Size: 65536}}
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	s.Linux.UIDMappings, s.Linux.GIDMappings = ids, ids
}

// addBinds adds a file, directories with every kind of attributes, and what is copied up.
func addBinds(s *specs.Spec) {
	s.Mounts = append(s.Mounts,
		specs.Mount{Destination: "/data/file", Type: "bind", Source: bundleDir + "/config.json", Options: []string{"bind", "ro"}},
		specs.Mount{Destination: "/data/all", Type: "bind", Source: workDir + "/pids", Options: []string{"rbind", "rro", "rnosuid", "rslave"}},
		specs.Mount{Destination: "/data/ids", Type: "bind", Source: workDir + "/pids", Options: []string{"bind", "idmap"},
			UIDMappings: []specs.LinuxIDMapping{{HostID: 5000, Size: 10}}, GIDMappings: []specs.LinuxIDMapping{{HostID: 5000, Size: 10}}},
		specs.Mount{Destination: "/data/own", Type: "bind", Source: workDir + "/pids", Options: []string{"bind", "nodev", "noexec", "unbindable"}},
		specs.Mount{Destination: "/bin", Type: "tmpfs", Source: "tmpfs", Options: []string{"tmpcopyup", "mode=755"}},
	)
}

// addHooks adds hooks of every kind. Those outside the container hang for ever once the
// runtime that has started them is gone, which they see after a short while.
func addHooks(s *specs.Spec) {
	const orphan = `read -r _ _ _ parent _ </proc/self/stat; [ "$parent" != 1 ] || exec "$BUSYBOX" sleep 1000`
	outside := func(begin string) []specs.Hook {
		return []specs.Hook{{Path: hostBusybox, Args: []string{"sh", "-c", begin + `"$BUSYBOX" sleep 0.02; ` + orphan}, Env: []string{"BUSYBOX=" + hostBusybox}}}
	}
	inside := func(path string) []specs.Hook { return []specs.Hook{{Path: path, Args: []string{"sleep", "0.02"}}} }
	s.Hooks = &specs.Hooks{
		Prestart: outside(""), CreateRuntime: outside(""), Poststart: outside(""), Poststop: outside("echo >>" + stopMark + "; "),
		CreateContainer: inside(hostBusybox), StartContainer: inside("/bin/busybox"),
	}
}

// writeNeighbour writes config.json for the neighbour, whose cgroup is a directory of
// its own beside the container's.
func writeNeighbour(v variant) error {
	v.Cgroup = pods + neighbour
	return writeConfig(v, "/bin/sleep", "1000")
}

// hang is a createRuntime hook that leaves its mark and never ends.
func hang(s *specs.Spec) {
	s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{
		Path: hostBusybox, Args: []string{"sh", "-c", "echo >" + hookMark + "; exec " + hostBusybox + " sleep 1000"},
	}}}
}
