package libcontainer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/cgroupv2"
)

// onlyConfig makes a container of which no more than the copy of config.json is left, and
// gives its cgroup.
func onlyConfig(t *testing.T, r *Runtime, id string) (cgroup string) {
	t.Helper()
	must(t, r.Create(id, CreateOptions{Bundle: bundle(t, "sleep", "100")}))
	d, err := openState(r.Root, id)
	must(t, err)
	defer d.close()
	made := readCgroupLink(d)
	must(t, os.WriteFile(filepath.Join(r.Root, id, recordFile), nil, 0o600))
	must(t, os.Remove(filepath.Join(r.Root, id, cgroupLink)))
	return cgroupv2.Mount + made[len(made)-1].Path
}

const mark = "trusted.mdrun.holder"

func TestForceFindsTheCgroupByItsMark(t *testing.T) {
	var warned string
	r := &Runtime{Root: t.TempDir(), Warn: func(text string, _ ...string) { warned += text }}
	cgroup := onlyConfig(t, r, "a")
	must(t, r.Delete("a", true))
	if _, err := os.Stat(cgroup); !os.IsNotExist(err) || warned != "" {
		t.Errorf("%v, warned: %q", err, warned)
	}
	if left, _ := os.ReadDir(r.Root); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// A mark that is not this container's, or none: what is in the cgroup may be anybody's.
func TestForceLeavesACgroupThatIsNotMarkedAsItsOwn(t *testing.T) {
	const named = "may be its cgroup: look what is in it"
	for name, c := range map[string]struct {
		spoil func(cgroup, state string)
		named bool
	}{
		"no mark":             {func(cgroup, _ string) { must(t, unix.Removexattr(cgroup, mark)) }, true},
		"no time in the mark": {func(cgroup, _ string) { must(t, unix.Setxattr(cgroup, mark, []byte("a@"), 0)) }, true},
		"another container's": {func(cgroup, _ string) {
			value := make([]byte, 100)
			n, err := unix.Getxattr(cgroup, mark, value)
			must(t, err)
			must(t, unix.Setxattr(cgroup, mark, append([]byte("b"), value[1:n]...), 0))
		}, false},
		"a later one of the same id": {func(_, state string) {
			early := time.Now().Add(-time.Second)
			must(t, os.Chtimes(filepath.Join(state, configFile), early, early))
		}, true},
		"nothing at all": {func(_, state string) { must(t, os.Remove(filepath.Join(state, configFile))) }, false},
	} {
		var warned string
		r := &Runtime{Root: t.TempDir(), Warn: func(text string, _ ...string) { warned += text }}
		cgroup := onlyConfig(t, r, "a")
		c.spoil(cgroup, filepath.Join(r.Root, "a"))
		must(t, r.Delete("a", true))
		if procs, err := os.ReadFile(cgroup + "/cgroup.procs"); err != nil || len(procs) == 0 {
			t.Errorf("%s: its processes: %q, %v", name, procs, err)
		}
		if !strings.Contains(warned, "nothing is left that tells of its cgroup") || strings.Contains(warned, cgroup+" "+named) != c.named {
			t.Errorf("%s: warned %q", name, warned)
		}
		if left, _ := os.ReadDir(r.Root); len(left) != 0 {
			t.Errorf("%s: left: %v", name, left)
		}
		endCgroup(t, cgroup)
	}
}

// endCgroup does what the warning says.
func endCgroup(t *testing.T, cgroup string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(cgroup, "cgroup.kill"), []byte("1"), 0))
	for end := time.Now().Add(5 * time.Second); unix.Rmdir(cgroup) != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it cannot be removed:", cgroup)
		}
	}
}
