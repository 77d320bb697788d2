package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// How much of the sweep is done here; `make faults` does all of it.
const (
	samplePoints  = "120"
	controlPoints = "150"
	raceRounds    = "25"
)

// faults sees that nothing is left after a kill, and that the sweep would see it if
// something were: in the peers, and in builds of ours that lack one clean-up.
func faults(r *report) error {
	tree, err := r.peersTree()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mdrun-faults-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tool := dir + "/faults"
	if out, err := r.command([]string{"CGO_ENABLED=0"}, "go", "build", "-o", tool, "./tests/faults").CombinedOutput(); err != nil {
		return fmt.Errorf("build tests/faults: %w\n%s", err, out)
	}
	fmt.Print(lastLines(r.step("sample of the sweep", nil, tool, "-runtime", "bin/mdrun", "-sample", samplePoints, "-v"), 2))
	fmt.Print(r.step("races", nil, tool, "-runtime", "bin/mdrun", "-races", "-rounds", raceRounds, "-v"))
	for _, path := range peerPaths {
		name := "control: " + filepath.Base(path) + " is caught"
		out := r.step(name, nil, tool, "-root", tree, "-runtime", path, "-control", "-sample", controlPoints)
		fmt.Printf("%s: %s", filepath.Base(path), lastLines(out, 1))
	}
	for _, b := range breakages {
		runtime := filepath.Join(dir, "mdrun-without-a-clean-up")
		if err := b.build(r, dir, runtime); err != nil {
			return err
		}
		r.mustFail("control: "+b.name+" is caught", caught, tool, "-runtime", runtime, "-verbs", "create", "-variants", "plain", "-sample", "40")
	}
	return nil
}

// caught is what the sweep says of a runtime that leaves something.
var caught = regexp.MustCompile(`points are unclean|left by a life without faults|delete --force: no answer`)

// breakage takes one clean-up out of the code.
type breakage struct {
	name      string
	file      string
	old, with string
}

var breakages = []breakage{
	{"a delete that forgets the cgroup", "libcontainer/delete.go", "return h.Delete(c.record.Cgroup)", "return nil"},
	{"a delete that does not kill", "libcontainer/delete.go", "func (c *container) kill9() {", "func (c *container) kill9() {}\nfunc (c *container) unused() {"},
	{"a create that fails and forgets the cgroup", "libcontainer/create.go", "_ = c.Hierarchy.Delete(c.Cgroup)", ""},
}

// build makes the runtime with an overlay: the checkout stays as it is.
func (b breakage) build(r *report, dir, output string) error {
	data, err := os.ReadFile(b.file)
	if err != nil {
		return err
	}
	if strings.Count(string(data), b.old) != 1 {
		return fmt.Errorf("%s: %q is not there once: bring tests/run/faults.go up to date", b.file, b.old)
	}
	broken := filepath.Join(dir, "broken.go")
	if err := os.WriteFile(broken, []byte(strings.Replace(string(data), b.old, b.with, 1)), 0o644); err != nil {
		return err
	}
	path, err := filepath.Abs(b.file)
	if err != nil {
		return err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: broken}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(dir+"/overlay.json", overlay, 0o644); err != nil {
		return err
	}
	cmd := r.command([]string{"CGO_ENABLED=0"}, "go", "build", "-overlay", dir+"/overlay.json", "-o", output, "./cmd/mdrun")
	return explain(cmd)
}

func explain(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

func lastLines(text string, n int) string {
	lines := strings.SplitAfter(strings.TrimRight(text, "\n")+"\n", "\n")
	lines = lines[:len(lines)-1]
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
