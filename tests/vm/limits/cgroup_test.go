package limits

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// dir is a cgroup that a test makes for itself.
type dir struct {
	t    *testing.T
	path string
}

// cgroup makes one below the root, with every controller, for the time of a test.
func cgroup(t *testing.T, name string) dir {
	t.Helper()
	d := dir{t, filepath.Join("/sys/fs/cgroup", name)}
	root := dir{t, "/sys/fs/cgroup"}
	all, err := os.ReadFile(root.path + "/cgroup.controllers")
	must(t, err)
	root.enable(string(all))
	must(t, os.Mkdir(d.path, 0o755))
	t.Cleanup(func() { must(t, os.Remove(d.path)) })
	return d
}

func (d dir) enable(controllers string) {
	d.t.Helper()
	line := ""
	for _, c := range strings.Fields(controllers) {
		line += "+" + c + " "
	}
	d.write("cgroup.subtree_control", line)
}

func (d dir) write(file, value string) {
	d.t.Helper()
	must(d.t, os.WriteFile(filepath.Join(d.path, file), []byte(value), 0))
}

// place gives a bundle that is written already another cgroup.
func (c *container) place(path string) {
	t := c.t
	t.Helper()
	file := filepath.Join(c.dir, "config.json")
	data, err := os.ReadFile(file)
	must(t, err)
	var s specs.Spec
	must(t, json.Unmarshal(data, &s))
	s.Linux.CgroupsPath = path
	data, err = json.Marshal(&s)
	must(t, err)
	must(t, os.WriteFile(file, data, 0o644))
	c.cgroup = "/sys/fs/cgroup" + path
}
