package compile

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/mdrun/mdrun/spec"
)

var update = flag.Bool("update", false, "write testdata/ anew")

type golden struct {
	name   string
	change func(*specs.Spec, *Facts)
}

// goldens are changes to what `mdrun spec` prints. testdata/default.plan is the plan of
// that itself, with its terminal; each other file is what the change makes of it, lines
// that go and lines that come.
var goldens = []golden{
	{"default", func(*specs.Spec, *Facts) {}},
	{"no-terminal", func(s *specs.Spec, _ *Facts) { s.Process.Terminal = false }},
	{"rootless", func(s *specs.Spec, _ *Facts) { spec.Rootless(s, 1000, 1000) }},
	{"no-process", func(s *specs.Spec, _ *Facts) { s.Process = nil }},
	{"no-pivot", func(_ *specs.Spec, f *Facts) { f.NoPivot, f.NoNewKeyring, f.PreserveFDs = true, true, 2 }},
	{"mounts", func(s *specs.Spec, _ *Facts) { s.Mounts = append(s.Mounts, moreMounts...) }},
	{"joined-namespaces", func(s *specs.Spec, _ *Facts) { joinAll(s) }},
	{"sysctl", func(s *specs.Spec, _ *Facts) {
		s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel.msgmax": "65536", "net/ipv4/conf/eth0.100/rp_filter": "2"}
	}},
	{"hooks", func(s *specs.Spec, _ *Facts) {
		s.Hooks = &specs.Hooks{Prestart: []specs.Hook{{Path: hostDir + "/hook"}}, CreateRuntime: []specs.Hook{{Path: hostDir + "/hook"}, {Path: hostDir + "/other"}},
			CreateContainer: []specs.Hook{{Path: hostDir + "/hook"}}, StartContainer: []specs.Hook{{Path: "/sbin/ldconfig"}}, Poststop: []specs.Hook{{Path: hostDir + "/hook"}}}
	}},
	{"process", func(s *specs.Spec, _ *Facts) { otherProcess(s.Process) }},
	{"root", func(s *specs.Spec, _ *Facts) {
		s.Root.Readonly, s.Domainname, s.Linux.RootfsPropagation = false, "example.org", "shared"
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229}, {Path: "/dev/null", Type: "c", Major: 1, Minor: 3, UID: ptr(uint32(5))}}
	}},
}

func ptr[T any](v T) *T { return &v }

var moreMounts = []specs.Mount{
	{Destination: "/data", Type: "bind", Source: hostDir + "/data", Options: []string{"rbind", "rro", "nosuid", "rslave"}},
	{Destination: "/etc/hosts", Source: "hosts", Options: []string{"bind", "ro"}},
	{Destination: "/run", Type: "tmpfs", Source: "tmpfs", Options: []string{"ro", "noexec", "size=1m"}},
	{Destination: "/data", Options: []string{"remount", "noexec", "noatime"}},
}

func joinAll(s *specs.Spec) {
	for i := range s.Linux.Namespaces {
		if ns := &s.Linux.Namespaces[i]; ns.Type != specs.MountNamespace {
			ns.Path = hostDir + "/ns/" + string(ns.Type)
		}
	}
}

func otherProcess(p *specs.Process) {
	p.User = specs.User{UID: 1000, GID: 100, AdditionalGids: []uint32{5, 6}, Umask: ptr(uint32(0o077))}
	p.Env = []string{"A=1", "HOME=/root", "PATH=/bin", "A=2"}
	p.Cwd, p.Args = "/srv", []string{"/bin/server", "-v"}
	p.Rlimits = append(p.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_NPROC", Soft: 10, Hard: 20})
	p.OOMScoreAdj, p.NoNewPrivileges, p.Capabilities = ptr(-500), false, nil
}

func TestPlansAreThoseOfTheGoldenFiles(t *testing.T) {
	var plain []string
	for i, g := range goldens {
		s, f := spec.Default(), facts()
		g.change(s, &f)
		got := printed(t, s, f)
		name := g.name + ".diff"
		if i == 0 {
			plain, name = got, g.name+".plan"
		} else {
			got = difference(plain, got)
		}
		compare(t, filepath.Join("testdata", name), strings.Join(got, ""))
	}
}

func compare(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		must(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if got != string(want) {
		t.Errorf("%s: not what compiling gives. If the difference is what you want: make golden.\n%s", path,
			strings.Join(difference(strings.SplitAfter(string(want), "\n"), strings.SplitAfter(got, "\n")), ""))
	}
}

// printed is what explain prints of birth and plan, without numbers, and below each
// step all that the child is told, since not all of it is in the sentence.
func printed(t *testing.T, s *specs.Spec, f Facts) (lines []string) {
	t.Helper()
	s = checked(t, s)
	birth, err := NewBirth(s, f)
	must(t, err)
	plan, warnings, err := Container(s, f)
	must(t, err)
	for _, l := range birth.Lines() {
		lines = append(lines, entry("", l.Text, l.Field, ""))
	}
	for _, e := range plan {
		lines = append(lines, entry(kindOf(e.Step), e.Step.String(), e.Field, data(e.Step)))
	}
	for _, w := range warnings {
		lines = append(lines, entry("warning", w.Text, w.Field, ""))
	}
	return lines
}

func entry(kind, text, field, data string) string {
	if kind != "" {
		text = kind + ": " + text
	}
	if field != "" {
		text = fmt.Sprintf("%-80s  %s", text, field)
	}
	if data != "" {
		text += "\n        " + data
	}
	return text + "\n"
}

// difference gives the lines that go, marked with -, and those that come, with +, by
// the longest common subsequence.
func difference(a, b []string) (diff []string) {
	common := make([][]int, len(a)+1) // of a[i:] and b[j:]
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if common[i][j] = max(common[i+1][j], common[i][j+1]); a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			diff, i = append(diff, "- "+a[i]), i+1
		default:
			diff, j = append(diff, "+ "+b[j]), j+1
		}
	}
	return diff
}

func TestEveryGoldenFileIsCompared(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*")
	must(t, err)
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		if !slices.ContainsFunc(goldens, func(g golden) bool { return g.name == name }) {
			t.Errorf("%s: no test compares with it", path)
		}
	}
}
