package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Everything lies in the sandbox's own /tmp.
var (
	bundleDir = dirOf("plain")
	sleepDir  = dirOf("sleeper")
)

func dirOf(bundle string) string { return "/tmp/" + strings.ReplaceAll(bundle, " ", "-") }

// bundles are the configuration that `runc spec` writes, with busybox `true`, and what
// makes each of them another one.
var bundles = map[string]func(*specs.Spec){
	"plain":          func(*specs.Spec) {},
	"sleeper":        func(s *specs.Spec) { s.Process.Args = []string{"/bin/sleep", "1000"} },
	"50 binds":       func(s *specs.Spec) { addBinds(s, 50) },
	"200 binds":      func(s *specs.Spec) { addBinds(s, 200) },
	"user namespace": addUserNamespace,
	"hooks":          addHooks,
}

func addBinds(s *specs.Spec, n int) {
	for i := range n {
		s.Mounts = append(s.Mounts, specs.Mount{
			Destination: fmt.Sprintf("/binds/%d", i), Type: "bind", Source: bindSource, Options: []string{"rbind", "ro", "nosuid"},
		})
	}
}

const (
	bindSource = "/tmp/bound"
	firstUser  = 100000
)

func addUserNamespace(s *specs.Spec) {
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: firstUser, Size: 65536}}
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	s.Linux.UIDMappings, s.Linux.GIDMappings = ids, ids
}

func addHooks(s *specs.Spec) {
	run := []specs.Hook{{Path: "/usr/bin/busybox", Args: []string{"true"}}}
	s.Hooks = &specs.Hooks{CreateRuntime: run, Poststart: run, Poststop: run}
}

// layOut makes the bundles.
func layOut(runc string) error {
	if err := os.MkdirAll(bindSource, 0o755); err != nil {
		return err
	}
	for name, change := range bundles {
		if err := makeBundle(runc, dirOf(name), change); err != nil {
			return fmt.Errorf("bundle %s: %w", name, err)
		}
	}
	return nil
}

func makeBundle(runc, dir string, change func(*specs.Spec)) error {
	if err := makeRoot(dir + "/rootfs"); err != nil {
		return err
	}
	if out, err := exec.Command(runc, "spec", "--bundle", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("runc spec: %w: %s", err, out)
	}
	data, err := os.ReadFile(dir + "/config.json")
	if err != nil {
		return err
	}
	s := &specs.Spec{}
	if err := json.Unmarshal(data, s); err != nil {
		return err
	}
	// The first run of each makes the mount points.
	s.Process.Terminal, s.Root.Readonly, s.Process.Args = false, false, []string{"/bin/true"}
	change(s)
	if data, err = json.MarshalIndent(s, "", "\t"); err != nil {
		return err
	}
	if err := os.WriteFile(dir+"/config.json", data, 0o644); err != nil {
		return err
	}
	return own(dir+"/rootfs", s)
}

// own gives the root to whoever is root in the container: that is who makes mount
// points in it.
func own(root string, s *specs.Spec) error {
	if len(s.Linux.UIDMappings) == 0 {
		return nil
	}
	return filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, firstUser, firstUser)
	})
}

func makeRoot(root string) error {
	if err := os.MkdirAll(root+"/bin", 0o755); err != nil {
		return err
	}
	program, err := os.ReadFile("/usr/bin/busybox")
	if err != nil {
		return err
	}
	if err := os.WriteFile(root+"/bin/busybox", program, 0o755); err != nil {
		return err
	}
	for _, applet := range []string{"true", "sleep"} {
		if err := os.Symlink("busybox", root+"/bin/"+applet); err != nil {
			return err
		}
	}
	return nil
}
