package attacks

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// patience is how long a runtime may take for a container that ends at once, on a busy
// machine. What takes longer hangs.
const patience = 10 * time.Second

// bundle is a container that can be run many times.
type bundle struct {
	a        *attempt
	dir      string
	rootfs   string
	spec     *specs.Spec
	flags    []string                 // of create and run
	command  func(*exec.Cmd)          // what else the caller of the runtime is
	document func(text string) string // the last word on config.json
	runtime  string
	id       string // of the last container
}

// outcome is what became of a container.
type outcome struct {
	code int    // of the runtime
	ran  bool   // the program was started
	out  string // what it said
	said string // what the runtime said
	late bool   // the runtime had to be killed
}

// bundle makes one with what container engines usually ask for.
func (a *attempt) bundle() *bundle {
	a.Helper()
	dir := fmt.Sprintf("%s/%d", bundles, counter.Add(1))
	b := &bundle{a: a, dir: dir, rootfs: dir + "/rootfs", spec: usual(), runtime: runtimePath}
	for _, d := range []string{"bin", "dev", "etc", "proc", "sys", "tmp", "root"} {
		must(a, os.MkdirAll(filepath.Join(b.rootfs, d), 0o755))
	}
	for _, p := range []string{"busybox", "payload"} {
		must(a, os.Link(filepath.Join(image, p), filepath.Join(b.rootfs, "bin", p)))
	}
	for _, applet := range []string{"sh", "cat", "ls", "true", "sleep", "mkdir", "chmod", "chown"} {
		must(a, os.Symlink("busybox", filepath.Join(b.rootfs, "bin", applet)))
	}
	return b
}

// engines is what Docker gives a container.
var engines = []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"}

func usual() *specs.Spec {
	m := func(destination, kind, source string, options ...string) specs.Mount {
		return specs.Mount{Destination: destination, Type: kind, Source: source, Options: options}
	}
	return &specs.Spec{
		Version: "1.0.2",
		Process: &specs.Process{
			Args: []string{"/bin/true"}, Cwd: "/", Env: []string{"PATH=/bin"},
			Capabilities: &specs.LinuxCapabilities{Bounding: engines, Effective: engines, Permitted: engines},
			Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_FSIZE", Soft: 1 << 24, Hard: 1 << 24}},
		},
		Root: &specs.Root{Path: "rootfs"},
		Mounts: []specs.Mount{
			m("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
			m("/dev", "tmpfs", "tmpfs", "nosuid", "mode=755"),
			m("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
			m("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777"),
			m("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
			m("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
		},
		Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.IPCNamespace},
			{Type: specs.UTSNamespace}, {Type: specs.MountNamespace}, {Type: specs.CgroupNamespace}}},
	}
}

// shell makes a script the program. It is known to run by the first thing it says.
func (b *bundle) shell(script string) *bundle {
	b.spec.Process.Args = []string{"/bin/sh", "-c", "echo in; " + script}
	return b
}

// payload makes a role of this test program the program.
func (b *bundle) payload(role string, args ...string) *bundle {
	b.spec.Process.Args = append([]string{"/bin/payload"}, args...)
	b.spec.Process.Env = append(b.spec.Process.Env, roleVar+"="+role)
	return b
}

// without takes the mounts on these places away.
func (b *bundle) without(destinations ...string) *bundle {
	b.spec.Mounts = slices.DeleteFunc(b.spec.Mounts, func(m specs.Mount) bool { return slices.Contains(destinations, m.Destination) })
	return b
}

func (b *bundle) mount(destination, kind, source string, options ...string) *bundle {
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: destination, Type: kind, Source: source, Options: options})
	return b
}

// inside is a path in the root, seen from the host.
func (b *bundle) inside(path string) string { return filepath.Join(b.rootfs, path) }

// link puts a symbolic link into the image, in place of what is there.
func (b *bundle) link(path, to string) *bundle {
	b.a.Helper()
	must(b.a, os.RemoveAll(b.inside(path)))
	must(b.a, os.MkdirAll(filepath.Dir(b.inside(path)), 0o755))
	must(b.a, os.Symlink(to, b.inside(path)))
	return b
}

// upAndOver is a relative link out of the root: more ".." than there are folders.
func upAndOver(path string) string { return strings.Repeat("../", 24) + path[1:] }

func (b *bundle) write() {
	b.a.Helper()
	data, err := json.Marshal(b.spec)
	must(b.a, err)
	if b.document != nil {
		data = []byte(b.document(string(data)))
	}
	must(b.a, os.WriteFile(b.dir+"/config.json", data, 0o644))
}

func (b *bundle) state() string { return b.dir + "/state" }

// call calls a verb and waits for it. What a container inherits are files: a pipe would
// keep us waiting for it.
func (b *bundle) call(args ...string) outcome {
	b.a.Helper()
	out, err := os.CreateTemp(b.dir, "out")
	must(b.a, err)
	o := b.callInto(out, args...)
	o.out = content(out)
	o.ran = strings.HasPrefix(o.out, "in\n")
	return o
}

// callInto is call for a container that outlives the verb.
// begin starts a runtime although somebody tries to write to its file. Also where that is
// refused, because the mount is read-only, the file counts as one that is written to for a
// moment, and cannot be executed (fs/open.c, file_get_write_access).
func begin(build func() *exec.Cmd) (*exec.Cmd, error) {
	for tries := 0; ; tries++ {
		cmd := build()
		err := cmd.Start()
		if !errors.Is(err, unix.ETXTBSY) || tries == 1000 {
			return cmd, err
		}
		time.Sleep(time.Millisecond)
	}
}

func (b *bundle) callInto(out *os.File, args ...string) (o outcome) {
	b.a.Helper()
	said, err := os.CreateTemp(b.dir, "said")
	must(b.a, err)
	cmd, err := begin(func() *exec.Cmd {
		cmd := exec.Command(b.runtime, append([]string{"--root", b.state()}, args...)...)
		cmd.Env = []string{"XDG_RUNTIME_DIR=", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
		cmd.Dir = b.dir
		cmd.Stdout, cmd.Stderr = out, said
		if b.command != nil {
			b.command(cmd)
		}
		return cmd
	})
	must(b.a, err)
	o.late = b.a.wait(cmd)
	o.code, o.said = cmd.ProcessState.ExitCode(), content(said)
	return o
}

// wait waits for the runtime as long as it may take, or kills it. A runtime that hangs once
// is waited for less the next time.
func (a *attempt) wait(cmd *exec.Cmd) (late bool) {
	enough := patience
	if a.hangs {
		enough = patience / 5
	}
	timer := time.AfterFunc(enough, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait() // the status tells
	late = !timer.Stop()
	a.hangs = a.hangs || late
	return late
}

// content is what is in a file, which is not needed any more.
func content(f *os.File) string {
	data, _ := os.ReadFile(f.Name())
	f.Close()
	os.Remove(f.Name())
	return string(data)
}

// run runs the container and removes it.
func (b *bundle) run() outcome {
	b.a.Helper()
	b.write()
	id := b.newID()
	o := b.call(slices.Concat([]string{"run", "--bundle", b.dir}, b.flags, []string{id})...)
	if o.late || b.left(id) {
		b.remove(id)
	}
	return o
}

func (b *bundle) newID() string {
	b.id = fmt.Sprintf("attempt-%d", counter.Add(1))
	return b.id
}

// left tells whether run has not removed everything itself.
func (b *bundle) left(id string) bool {
	_, err := os.Lstat(filepath.Join(b.state(), id))
	return err == nil || len(cgroups(id)) > 0
}

func cgroups(id string) []string {
	list, _ := filepath.Glob("/sys/fs/cgroup/*" + id + "*")
	return list
}

// remove leaves nothing of a container, whatever the runtime under test forgot.
func (b *bundle) remove(id string) {
	cmd, err := begin(func() *exec.Cmd { return exec.Command(b.runtime, "--root", b.state(), "delete", "--force", id) })
	if err == nil {
		b.a.wait(cmd)
	}
	for _, group := range cgroups(id) {
		_ = os.WriteFile(group+"/cgroup.kill", []byte("1"), 0)
		for range 100 {
			if unix.Rmdir(group) == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// works makes sure that the bundle is sound before it is made hostile: an attempt on one
// that no runtime takes would show nothing.
func (b *bundle) works() *bundle {
	b.a.Helper()
	if o := b.run(); !o.ran {
		b.a.Fatalf("the harmless bundle does not run: %+v", o)
	}
	return b
}

// attack runs the container and looks whether it got out.
func (b *bundle) attack(variant string) outcome {
	b.a.Helper()
	before := b.a.look()
	o := b.run()
	b.a.judge(variant, before, o)
	return o
}

// judge looks for what is a hit in every attempt.
func (a *attempt) judge(variant string, before snapshot, o outcome) {
	if o.ran {
		a.ran++
	} else {
		a.refused++
	}
	if o.late {
		a.hit("%s: the runtime hangs", variant)
	}
	if strings.Contains(o.out, secret) {
		a.hit("%s: the container has read the host's secret", variant)
	}
	if diff := before.changed(a.look()); diff != "" {
		a.hit("%s: %s", variant, strings.ReplaceAll(diff, a.host, "the host's directory"))
	}
	if testing.Verbose() {
		a.Logf("%s: ran %v, status %d: %s", variant, o.ran, o.code, strings.TrimSpace(o.said))
	}
}
