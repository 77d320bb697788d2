package attacks

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/tests/sandbox"
)

func init() { roles["be a whole machine"] = beAWholeMachine }

// cgroupTree lists the cgroups of the host without those below the container's own.
func cgroupTree(own string) snapshot {
	s := snapshot{}
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		if strings.Contains(path, own) {
			return fs.SkipDir
		}
		s[path] = ""
		for _, file := range []string{"cgroup.max.descendants", "cgroup.max.depth", "cgroup.freeze", "cgroup.subtree_control"} {
			text, _ := os.ReadFile(filepath.Join(path, file))
			s[path] += string(text)
		}
		return nil
	})
	return s
}

// intrusion makes and changes cgroups wherever it can.
const intrusion = `cd /sys/fs/cgroup; for d in . host .. ../host; do mkdir $d/intruder; echo 3 >$d/cgroup.max.descendants; done 2>/dev/null; cat host/cgroup.procs 2>/dev/null`

// CVE-2023-25809: the host's cgroups can be written to from the container, although
// they are mounted read-only, or in a namespace of their own.
func TestACgroupMountReachesTheOwnCgroupAlone(t *testing.T) {
	a := try(t, "S-21")
	for _, options := range [][]string{{"ro", "nosuid", "noexec", "nodev"}, {"nosuid", "noexec", "nodev"}, {"ro", "relatime"}} {
		for _, kind := range []string{"cgroup", "cgroup2"} {
			for _, namespaces := range []string{"own", "shared", "own in a user namespace", "shared in a user namespace"} {
				b := a.bundle().mount("/sys/fs/cgroup", kind, kind, options...).shell(intrusion)
				if strings.HasPrefix(namespaces, "shared") {
					b.joined(specs.CgroupNamespace)
				}
				if strings.HasSuffix(namespaces, "user namespace") {
					b.inUserNamespace()
				}
				b.cgroupMount(fmt.Sprintf("%s %v, cgroup namespace %s", kind, options, namespaces), strings.HasPrefix(namespaces, "own"))
			}
		}
	}
}

func (b *bundle) cgroupMount(variant string, alone bool) {
	b.a.Helper()
	b.spec.Linux.CgroupsPath = fmt.Sprintf("/own-%d", counter.Add(1))
	before := cgroupTree("/own-")
	o := b.attack(variant)
	if diff := before.changed(cgroupTree("/own-")); diff != "" {
		b.a.hit("%s: %s", variant, diff)
		for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/host"} {
			_ = unix.Rmdir(dir + "/intruder")
			_ = os.WriteFile(dir+"/cgroup.max.descendants", []byte("max"), 0)
		}
	}
	if alone && strings.TrimPrefix(o.out, "in\n") != "" {
		b.a.hit("%s: sees the processes of another cgroup", variant)
	}
}

// A runtime that is given somebody else's cgroup must not kill what is in there. One
// that does would end this program too, and so each path is tried in a machine of its
// own: a sandbox in the sandbox.
func TestOtherCgroupsAreLeftAlone(t *testing.T) {
	a := try(t, "S-22")
	victim := "/victim"
	for _, c := range []cgroupAttempt{
		{Path: "/harmless"},
		{Path: "/"}, {Path: "//"}, {Path: "/."}, {Path: "/a/.."}, {Path: "/a/../.."}, {Path: ".."}, {Path: "../.."}, {Path: "."},
		{Path: victim}, {Path: victim + "/"}, {Path: "/a/.." + victim}, {Path: "../victim"}, {Path: victim + "/../victim"}, {Path: victim[1:]},
		{Path: "/../../../../sys/fs/cgroup" + victim}, {Path: "/sys/fs/cgroup" + victim}, {Path: "/host"},
		{Path: "/harmless", Key: "../victim/cgroup.max.descendants", Value: "5"},
		{Path: "/harmless", Key: "../victim/cgroup.kill", Value: "1"},
		{Path: "/harmless", Key: "../cgroup.subtree_control", Value: "-pids"},
		{Path: "/harmless", Key: "/sys/fs/cgroup/victim/cgroup.freeze", Value: "1"},
		{Path: "/harmless", Key: "sub/../../victim/cgroup.freeze", Value: "1"},
	} {
		variant := fmt.Sprintf("cgroupsPath %q %s", c.Path, c.Key)
		before := a.look()
		o := a.machine(c)
		if c.Path == "/harmless" && c.Key == "" && !o.ran {
			t.Fatalf("%s: %+v", variant, o)
		}
		a.judge(variant, before, o)
		if !strings.Contains(o.out, "the others are what they were\n") {
			a.hit("%s: %s", variant, strings.ReplaceAll(o.out, "\n", " ")+"was there before and was killed or changed")
		}
	}
}

// cgroupAttempt is what a container asks for, and what the machine needs to know.
type cgroupAttempt struct {
	Path, Key, Value string
	Runtime, Dir     string
}

// machine runs one attempt in a machine of its own.
func (a *attempt) machine(c cgroupAttempt) (o outcome) {
	a.Helper()
	b := a.bundle().shell("true")
	b.spec.Linux.CgroupsPath = c.Path
	if c.Key != "" {
		b.spec.Linux.Resources = &specs.LinuxResources{Unified: map[string]string{c.Key: c.Value}}
	}
	b.write()
	c.Runtime, c.Dir = b.runtime, b.dir
	what, err := json.Marshal(c)
	must(a, err)
	cmd := again("be a whole machine", string(what))
	cmd.Env = []string{roleVar + "=be a whole machine", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "RUNTIME=" + b.runtime}
	out, err := os.Create(b.dir + "/machine")
	must(a, err)
	cmd.Stdout, cmd.Stderr = out, out
	must(a, cmd.Start())
	o.late = a.wait(cmd)
	o.out = content(out)
	o.ran = strings.Contains(o.out, "the container ran\n")
	return o
}

// beAWholeMachine is the machine: it has a victim, runs the container, and looks.
func beAWholeMachine(args []string) {
	sandbox.Reexec()
	var c cgroupAttempt
	if err := json.Unmarshal([]byte(args[0]), &c); err != nil {
		fmt.Println(err)
		return
	}
	victim := exec.Command("/bin/sleep", "1000")
	victim.Path = image + "/busybox"
	if err := os.Mkdir("/sys/fs/cgroup/victim", 0o755); err != nil {
		fmt.Println(err)
		return
	}
	if err := victim.Start(); err != nil {
		fmt.Println(err)
		return
	}
	procs := []byte(strconv.Itoa(victim.Process.Pid))
	if err := os.WriteFile("/sys/fs/cgroup/victim/cgroup.procs", procs, 0); err != nil {
		fmt.Println(err)
		return
	}
	before := cgroupTree("/harmless")
	out, err := exec.Command(c.Runtime, "--root", c.Dir+"/state", "run", "--bundle", c.Dir, "attempt").CombinedOutput()
	if err == nil && strings.HasPrefix(string(out), "in\n") {
		fmt.Println("the container ran")
	}
	_ = exec.Command(c.Runtime, "--root", c.Dir+"/state", "delete", "--force", "attempt").Run()
	now := cgroupTree("/harmless")
	for path, text := range before {
		if now[path] != text {
			fmt.Println(path, "has changed or is gone")
			return
		}
	}
	still, _ := os.ReadFile("/sys/fs/cgroup/victim/cgroup.procs")
	if unix.Kill(victim.Process.Pid, 0) != nil || strings.TrimSpace(string(still)) != string(procs) {
		fmt.Println("the victim is dead")
		return
	}
	fmt.Println("the others are what they were")
}
