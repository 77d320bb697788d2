package cgroupv2

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhereACgroupIs(t *testing.T) {
	for _, c := range []struct{ cgroupsPath, id, own, want string }{
		{"/a/b", "web", "", "/a/b"}, {"/a//b/./c/", "web", "", "/a/b/c"}, {"/a/../b", "web", "", "/b"}, {"/../../b", "web", "", "/b"}, {"/a:b:c", "web", "", "/a:b:c"},
		{"", "web", "/user.slice/shell.scope", "/user.slice/web"}, {"", "web", "/", "/web"}, {"", "web", "/x", "/web"},
		{"a/b", "web", "/user.slice/x", "/user.slice/a/b"}, {"../../escape", "web", "/user.slice/x", "/user.slice/escape"}, {"a/../../b", "web", "/u/x", "/u/b"},
		{"..", "web", "/user.slice/x", "/user.slice"}, {"a:b", "web", "/u/x", "/u/a:b"}, {"a:b:c:d", "web", "/u/x", "/u/a:b:c:d"},
	} {
		if got, err := locate(c.cgroupsPath, c.id, c.own); err != nil || string(got) != c.want {
			t.Errorf("cgroupsPath %q, own %q: %q, %v; want %q", c.cgroupsPath, c.own, got, err, c.want)
		}
	}
	for cgroupsPath, want := range map[string]string{"/": "root cgroup", "//": "root cgroup", "/..": "root cgroup", "/a/..": "root cgroup", "/.": "root cgroup", "..": "root cgroup", ".": "root cgroup",
		"/a\x00b": "NUL", "/a/" + strings.Repeat("x", 256): "a name of 256 bytes", "/a" + strings.Repeat("/x", 2000): "a path of 4002 bytes", "/a\nb": "a line break", "system.slice:docker:web": "systemd"} {
		_, err := locate(cgroupsPath, "web", "/x")
		var value *ValueError
		if !errors.As(err, &value) || value.Field != ".linux.cgroupsPath" || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", cgroupsPath, err)
		}
	}
}

func FuzzLocate(f *testing.F) {
	f.Add("../../x", "/a/b")
	f.Fuzz(func(t *testing.T, cgroupsPath, own string) {
		if !strings.HasPrefix(own, "/") || own != filepath.Clean(own) || strings.ContainsRune(own, 0) {
			return // the kernel writes no others
		}
		got, err := locate(cgroupsPath, "web", own)
		p := string(got)
		switch {
		case err != nil:
		case !strings.HasPrefix(p, "/") || p == "/" || p != filepath.Clean(p) || strings.ContainsRune(p, 0):
			t.Errorf("%q, %q: %q", cgroupsPath, own, p)
		case !strings.HasPrefix(cgroupsPath, "/") && !strings.HasPrefix(p+"/", strings.TrimSuffix(filepath.Dir(own), "/")+"/"):
			t.Errorf("%q leads out of %q: %q", cgroupsPath, filepath.Dir(own), p)
		}
	})
}

// tree makes a folder that looks like a hierarchy: what is above the kernel's files works
// on any.
func tree(t *testing.T, files map[string]string) *Hierarchy {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	h := &Hierarchy{mount: dir, fd: fd}
	t.Cleanup(h.Close)
	return h
}

func TestWhatIsNoHierarchyIsRefused(t *testing.T) {
	if _, err := OpenAt(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no cgroup v2 hierarchy is mounted on ") {
		t.Errorf("%v", err)
	}
	if _, err := OpenAt(t.TempDir() + "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestSurveyTellsWhatIsThere(t *testing.T) {
	h := tree(t, map[string]string{"a/b/cgroup.events": "populated 0\nfrozen 0\n", "busy/cgroup.events": "populated 1\nfrozen 0\n", "busy/cgroup.procs": "17\n18\n",
		"frozen/cgroup.events": "populated 0\nfrozen 1\n", "file": ""})
	if err := os.Symlink("a", h.mount+"/link"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[Path][]Made{
		"/a/b":   {{"/a", true}, {"/a/b", true}},
		"/a/c/d": {{"/a", true}, {"/a/c", false}, {"/a/c/d", false}},
		"/x":     {{"/x", false}},
	} {
		if got, err := h.Survey(path); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", path, got, err)
		}
	}
	for path, want := range map[Path]string{"/busy": "container's cgroup is not empty: /busy holds process 17", "/frozen": "/frozen is frozen", "/file": "not a directory",
		"/link/b": "too many levels of symbolic links", "/" + Path(strings.Repeat("x", 256)): "file name too long"} {
		if _, err := h.Survey(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30s: %v; want %s", path, err, want)
		}
	}
}

func TestCreateAndDeleteLeaveWhatWasThere(t *testing.T) {
	h := tree(t, map[string]string{"a/keep": ""})
	plan, err := h.Survey("/a/b/c")
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.Create("/a/b/c", plan, nil, "test")
	if err != nil {
		t.Fatal(err)
	}
	if c.Path() != "/a/b/c" || c.FD() < 0 {
		t.Errorf("%+v", c)
	}
	c.Close()
	c.Close() // twice is no harm
	if err := h.Delete(plan, "test", nil); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(h.mount + "/a"); len(left) != 1 || left[0].Name() != "keep" {
		t.Errorf("left: %v", left)
	}
	if err := h.Delete(plan, "test", nil); err != nil {
		t.Errorf("the second time: %v", err)
	}
}

// What cannot be made is taken back, all of it.
func TestCreateTakesBackWhatItMade(t *testing.T) {
	h := tree(t, map[string]string{"a/x": ""})
	long := "/a/b/" + strings.Repeat("x", 256)
	if _, err := h.Create(Path(long), []Made{{"/a", true}, {"/a/b", false}, {long, false}}, nil, "test"); !errors.Is(err, unix.ENAMETOOLONG) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(h.mount + "/a/b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left: %v", err)
	}
}

func TestAControllerThatIsMissingIsNamed(t *testing.T) {
	h := tree(t, map[string]string{"cgroup.controllers": "cpu memory\n", "cgroup.subtree_control": "cpu\n"})
	err := enable(h.fd, "/", []string{"cpu", "pids"})
	var host *HostError
	if !errors.As(err, &host) || host.Controller != "pids" || !strings.Contains(host.Text, "where there are: cpu memory") {
		t.Errorf("%v", err)
	}
	for controller, want := range map[string]string{"pids": "Enable it", "memmory": "Did you mean memory?", "frobnicate": "Enable it", "a": "Enable it"} {
		if err = enable(h.fd, "/", []string{controller}); !errors.As(err, &host) || !strings.HasPrefix(host.Hint, want) {
			t.Errorf("%s: %+v", controller, host)
		}
	}
	err = controllerError("/up", "cpu", unix.EBUSY)
	var call *CallError
	if !errors.As(err, &call) || !strings.Contains(call.Hint, "The cgroup /up holds processes") || !errors.Is(err, unix.EBUSY) {
		t.Errorf("%v", err)
	}
}

// What is there is switched on, needed or not; what is on already is not written.
func TestControllersAreSwitchedOn(t *testing.T) {
	for _, c := range []struct{ there, on, need, want string }{
		{"cpu memory pids", "cpu", "", "+memory +pids"},
		{"cpu memory pids", "cpu", "pids", "+memory +pids"},
		{"cpu memory", "memory cpu", "cpu", "memory cpu"},
		{"", "", "", ""},
	} {
		h := tree(t, map[string]string{"cgroup.controllers": c.there + "\n", "cgroup.subtree_control": c.on})
		if err := enable(h.fd, "/", strings.Fields(c.need)); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		if got, err := readFile(h.fd, "cgroup.subtree_control"); err != nil || got != c.want {
			t.Errorf("%+v: wrote %q, %v", c, got, err)
		}
	}
}

// Below a cgroup that holds processes itself nothing can live once it passes controllers on.
func TestACgroupWithProcessesPassesNothingOn(t *testing.T) {
	for _, c := range []struct{ kind, procs, on, need, want, wrong string }{
		{kind: "domain\n", procs: "17\n", on: "cpu", want: "cpu"},
		{kind: "domain\n", procs: "17\n", on: "cpu", need: "cpu", want: "cpu"},
		{kind: "domain\n", procs: "17\n", on: "cpu", need: "pids", want: "cpu", wrong: "holds processes"},
		{kind: "domain\n", on: "cpu", need: "pids", want: "+pids"},
		{procs: "17\n", on: "cpu", need: "pids", want: "+pids"}, // the root has no type
	} {
		files := map[string]string{"cgroup.controllers": "cpu pids\n", "cgroup.subtree_control": c.on, "cgroup.procs": c.procs}
		if c.kind != "" {
			files["cgroup.type"] = c.kind
		}
		h := tree(t, files)
		err := enable(h.fd, "/", strings.Fields(c.need))
		var call *CallError
		if c.wrong == "" && err != nil || c.wrong != "" && (!errors.As(err, &call) || !strings.Contains(call.Hint, c.wrong)) {
			t.Errorf("%+v: %v", c, err)
		}
		if got, err := readFile(h.fd, "cgroup.subtree_control"); err != nil || got != c.want {
			t.Errorf("%+v: wrote %q, %v", c, got, err)
		}
	}
}

func TestASettingThatIsRefusedSaysWhy(t *testing.T) {
	h := tree(t, map[string]string{"web/cgroup.controllers": "memory\n", "web/memory.high": "", "web/cpuset.cpus.effective": "0-1\n"})
	c, err := h.OpenCgroup("/web")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, s := range []Setting{{File: "memory.high", Value: "5"}, {File: "memory.swap.max", Optional: true}, {File: "io.bfq.weight", Else: &Setting{File: "memory.high", Value: "6"}}} {
		if err := c.Apply([]Setting{s}); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
	if got, err := readFile(c.fd, "memory.high"); err != nil || got != "6" {
		t.Errorf("memory.high %q, %v", got, err)
	}
	for file, want := range map[string]string{"memory.hihg": "Did you mean memory.high?", "pids.max": "The controller pids is not enabled", "memory.frobnicate": "This kernel has no such file",
		"../cgroup.procs": "", "memory.high/x": "", "web": ""} {
		err := c.Apply([]Setting{{File: file, Value: "1", Field: ".x"}})
		var apply *ApplyError
		if !errors.As(err, &apply) || !strings.Contains(apply.Hint, want) || !strings.Contains(err.Error(), "/web/"+file+`, "1"): `) {
			t.Errorf("%s: %v (%+v)", file, err, apply)
		}
	}
	for s, want := range map[Setting]string{
		{File: "cpuset.cpus", Value: "0-63"}: "Here are cpus 0-1.",
		{File: "cpu.max", Value: "100 100"}:  "at least 1000 us",
		{File: "cpu.max.burst"}:              "not be above the quota",
		{File: "memory.max"}:                 "It takes bytes, with K, M or G",
		{File: "memory.oom.group"}:           "It takes 0 or 1.",
		{File: "cgroup.max.depth"}:           "It takes a number, or max.",
		{File: "cpu.weight.nice"}:            "It takes -20 to 19.",
		{File: "cpu.weight"}:                 "Give 1 to 10000; an idle cgroup",
		{File: "cpu.uclamp.max"}:             "It takes a percentage",
		{File: "hugetlb.2MB.max"}:            "It takes bytes",
		{File: "io.max"}:                     "It takes MAJOR:MINOR and limits",
		{File: "io.weight"}:                  "It takes 1 to 10000",
		{File: "io.bfq.weight"}:              "It takes 1 to 1000,",
		{File: "memory.pressure"}:            "cgroup-v2.rst",
		{File: "cgroup.subtree_control"}:     "cgroup-v2.rst",
		{File: "dmem.max"}:                   "cgroup-v2.rst",
	} {
		if got := c.why(s, unix.EINVAL); !strings.Contains(got, want) || want == "" != (got == "") {
			t.Errorf("%s: %q", s.File, got)
		}
	}
	if got := c.why(Setting{File: "cpu.weight"}, unix.ERANGE); got != "It takes 1 to 10000." {
		t.Error(got)
	}
	if got := c.why(Setting{File: "io.max", Value: "99:9 rbps=5"}, unix.ENODEV); got != "There is no block device 99:9: see /proc/partitions." {
		t.Error(got)
	}
}

// What a file of the configuration may have meant is looked for among the files that
// there are, of its controller.
func TestAFileThatIsMissingIsNearAnother(t *testing.T) {
	files := map[string]string{"web/cgroup.controllers": "memory hugetlb\n", "web/cgroup.procs": "", "web/cgroup.max.depth": "", "web/memory.swap.max": "", "web/memory.current": ""}
	for _, name := range []string{"memory.max", "memory.low", "memory.high", "hugetlb.1GB.max", "hugetlb.2MB.max", "hugetlb.2MB.rsvd.max"} {
		files["web/"+name] = ""
	}
	h := tree(t, files)
	for _, name := range []string{"memory.current", "cgroup.controllers"} {
		if err := os.Chmod(h.mount+"/web/"+name, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	c, err := h.OpenCgroup("/web")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for file, want := range map[string]string{
		"hugetlb.2MB.maxx":     "Did you mean hugetlb.2MB.max?",
		"hugetlb.2MB.rvsd.max": "Did you mean hugetlb.2MB.rsvd.max?",
		"hugetlb.3MB.max":      "This machine has huge pages of 1GB and 2MB.",
		"hugetlb.2mb.max":      "This machine has huge pages of 1GB and 2MB.",
		"hugetlb.max":          "This machine has huge pages of 1GB and 2MB.",
		"memory.maxx":          "Did you mean memory.max?",
		"memory.swap.mx":       "Did you mean memory.swap.max?",
		"memory.hgih":          "Did you mean memory.high?",
		"memory.currnt":        "This kernel has no such file; a newer one may. What can be set of memory is memory.high, memory.low, memory.max, memory.swap.max.",
		"cgroup.proc":          "This kernel has no such file; a newer one may. What can be set of cgroup is cgroup.max.depth.",
		"cgroup.max.dpeth":     "Did you mean cgroup.max.depth?",
	} {
		if got := c.why(Setting{File: file}, unix.ENOENT); got != want {
			t.Errorf("%s: %s\nwant %s", file, got, want)
		}
	}
}

// Names of files come from configurations: none may lead out of the cgroup.
func TestFilesAreReachedBeneathTheCgroupOnly(t *testing.T) {
	h := tree(t, map[string]string{"web/x": "", "secret": "s"})
	for _, link := range [][2]string{{"../secret", "up"}, {h.mount + "/secret", "absolute"}, {"/proc/self/root", "magic"}} {
		if err := os.Symlink(link[0], h.mount+"/web/"+link[1]); err != nil {
			t.Fatal(err)
		}
	}
	c, err := h.OpenCgroup("/web")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, name := range []string{"../secret", "up", "absolute", "magic", h.mount + "/secret", "x/../../secret"} {
		if got, err := readFile(c.fd, name); err == nil {
			t.Errorf("%s: read %q", name, got)
		}
		if err := writeFile(c.fd, name, "x"); err == nil {
			t.Errorf("%s: written", name)
		}
	}
}

func TestProcessesAreFoundInEveryCgroupBelow(t *testing.T) {
	h := tree(t, map[string]string{"web/cgroup.procs": "1\n2\n", "web/a/cgroup.procs": "3\n", "web/a/b/cgroup.procs": "0\n4\n", "web/memory.events": "low 0\noom_kill 2\n", "web/memory.max": "4096\n"})
	c, err := h.OpenCgroup("/web")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	pids, err := c.Procs()
	if err != nil || !reflect.DeepEqual(pids, []int{1, 2, 3, 4}) { // 0 is of another pid namespace
		t.Errorf("%v, %v", pids, err)
	}
	if got := c.OOM(); !strings.Contains(got, "OOM-killed") || !strings.Contains(got, "memory.max is 4096") || !strings.Contains(got, "oom_kill 2") {
		t.Error(got)
	}
}

// What is killed and removed goes by a path on record: none of its forms may mean all.
func TestTheRootCannotBeOpenedAsACgroup(t *testing.T) {
	for _, p := range []string{"", "/", ".", "/..", "//", "/a/.."} {
		if c, err := (&Hierarchy{mount: Mount, fd: -1}).OpenCgroup(p); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%q: %v, %v", p, c, err)
		}
	}
}
