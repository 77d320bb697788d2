package libcontainer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// facts is a program that says what its container is like, a line for each step that
// could be missing.
const facts = `
PATH=/bin
echo Hostname $(hostname)
echo Domainname $(cat /proc/sys/kernel/domainname)
echo Sysctl $(cat /proc/sys/net/ipv4/ip_forward)
echo Mount $(grep -c ' /mnt ' /proc/self/mountinfo)
echo Bind $(cat /bound/file)
echo MaskedPath $(cat /etc/secret)
echo ReadonlyPath $(touch /bound/closed/x 2>&- || echo yes)
echo ReadonlyRoot $(touch /x 2>&- || echo yes)
echo Umask $(umask)
echo Rlimit $(ulimit -c)
echo OOMScore $(cat /proc/self/oom_score_adj)
echo User $(id -g)
echo Bounding $(grep CapBnd /proc/self/status)
echo NoNewPrivileges $(grep NoNewPrivs /proc/self/status)
echo Device $(ls /dev/tty 2>&1)
echo DeviceLinks $(ls -d /dev/fd 2>&1)
`

// factual is a bundle whose plan has all of these steps.
func factual(t *testing.T) string {
	t.Helper()
	dir := bundle(t, "sh", "-c", facts)
	rootfs := filepath.Join(dir, "rootfs")
	for _, applet := range []string{"grep", "id", "ls", "touch"} {
		must(t, os.Symlink("busybox", filepath.Join(rootfs, "bin", applet)))
	}
	for _, folder := range []string{"rootfs", "bound/closed", "rootfs/bound/closed"} {
		must(t, os.MkdirAll(filepath.Join(dir, folder), 0o777))
		must(t, os.Chmod(filepath.Join(dir, folder), 0o777))
	}
	for path, content := range map[string]string{"rootfs/etc/secret": "secret", "bound/file": "of the host", "rootfs/bound/file": "of the image"} {
		must(t, os.WriteFile(filepath.Join(dir, path), []byte(content), 0o644))
	}
	path := filepath.Join(dir, "config.json")
	raw, err := os.ReadFile(path)
	must(t, err)
	var s specs.Spec
	must(t, json.Unmarshal(raw, &s))
	umask, score := uint32(0o027), 321
	s.Domainname, s.Root.Readonly = "example.org", true
	s.Process.User = specs.User{GID: 7, Umask: &umask}
	s.Process.OOMScoreAdj, s.Process.NoNewPrivileges = &score, true
	s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CORE", Soft: 4096, Hard: 8192}}
	s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}}
	s.Mounts = append(s.Mounts, specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "tmpfs"},
		specs.Mount{Destination: "/bound", Source: "bound", Options: []string{"bind"}})
	s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = []string{"/etc/secret"}, []string{"/bound/closed"}
	s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"}
	raw, err = json.Marshal(s)
	must(t, err)
	must(t, os.WriteFile(path, raw, 0o644))
	return dir
}

// What explain prints is what runs: without one step, both the explanation and the
// container lack exactly that.
func TestPlanIsWhatRuns(t *testing.T) {
	defer unix.Umask(unix.Umask(0))
	dir := factual(t)
	r := &Runtime{Root: t.TempDir()}
	says, is := explained(t, r, dir), factsOf(t, r, dir)
	if len(is) != strings.Count(facts, "\necho ") {
		t.Fatalf("%q", is)
	}
	defer func(old func(step.Plan) step.Plan) { alter = old }(alter)
	for _, fact := range is {
		kind, _, _ := strings.Cut(fact, " ")
		fresh(t, dir)
		alter = without(kind)
		if gone := missing(says, explained(t, r, dir)); len(gone) != 1 || !strings.HasPrefix(gone[0], kind+": ") {
			t.Errorf("without %s, explain lacks %q", kind, gone)
		}
		if changed := missing(is, factsOf(t, r, dir)); !slices.Equal(changed, []string{fact}) {
			t.Errorf("without %s, the container lacks %q of %q", kind, changed, fact)
		}
	}
}

// fresh takes away what an earlier container left in the root.
func fresh(t *testing.T, dir string) {
	t.Helper()
	for _, path := range []string{"rootfs/dev", "rootfs/mnt", "rootfs/x", "bound/closed/x"} {
		must(t, os.RemoveAll(filepath.Join(dir, path)))
	}
}

// without takes the last step of a kind out of every plan: the one that no other makes
// up for.
func without(kind string) func(step.Plan) step.Plan {
	return func(p step.Plan) step.Plan {
		for i := len(p) - 1; i >= 0; i-- {
			if kindOf(p[i].Step) == kind && !strings.Contains(p[i].Step.String(), "/proc") {
				return slices.Delete(slices.Clone(p), i, i+1)
			}
		}
		return p
	}
}

func kindOf(s step.Step) string { return reflect.TypeOf(s).Elem().Name() }

// missing gives the lines of one text that are not in the other.
func missing(all, some []string) (lines []string) {
	for _, line := range all {
		if !slices.Contains(some, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

func explained(t *testing.T, r *Runtime, dir string) (lines []string) {
	t.Helper()
	e, err := r.Explain(CreateOptions{Bundle: dir})
	must(t, err)
	for _, entry := range e.Plan {
		lines = append(lines, kindOf(entry.Step)+": "+entry.Step.String())
	}
	return lines
}

func factsOf(t *testing.T, r *Runtime, dir string) []string {
	t.Helper()
	out, status := output(t, r, dir)
	if status != 0 {
		t.Logf("status %d: %s", status, out)
	}
	return strings.FieldsFunc(out, func(r rune) bool { return r == '\n' })
}
