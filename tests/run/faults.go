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
	controlPoints = "120" // create is where the peers leak
	raceRounds    = "25"
	// A peer loses one in five of these rounds or more.
	controlRounds = "60"
	// runc cannot make the container that has everything.
	controlVariants = "plain,userns,terminal,userns+terminal,hooks"
	// What is to be caught may hang as often as it likes.
	controlPatience = "2s"
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
		control := []string{tool, "-root", tree, "-runtime", path, "-control", "-patience", controlPatience}
		out := r.step(name, nil, append(control, "-verbs", "create,run", "-variants", controlVariants, "-sample", controlPoints)...)
		fmt.Printf("%s: %s", filepath.Base(path), lastLines(out, 1))
		name = "control: " + filepath.Base(path) + " loses a race"
		fmt.Print(r.step(name, nil, append(control, "-race", "delete-start", "-rounds", controlRounds)...))
	}
	for _, b := range breakages {
		runtime := filepath.Join(dir, "mdrun-without-a-promise")
		if err := b.build(r, dir, runtime); err != nil {
			return err
		}
		r.mustFail("control: "+b.name+" is caught", caught, append([]string{tool, "-runtime", runtime, "-variants", "plain", "-patience", controlPatience}, b.by...)...)
	}
	return nil
}

// caught is what the tool says of a runtime that leaves something, or that loses a race.
var caught = regexp.MustCompile(`points are unclean|left by a life without faults|delete --force: no answer|rounds failed`)

// breakage takes something out of the code that keeps a promise.
type breakage struct {
	name      string
	file      string
	old, with string
	by        []string // what the tool is to run
}

var (
	bySweep = []string{"-verbs", "create", "-sample", "40"}
	byHooks = []string{"-verbs", "start", "-variants", "hooks", "-modes", "main"}
	byStops = []string{"-verbs", "delete", "-variants", "hooks", "-modes", "main", "-sample", "20"}
)

func byRace(name string) []string { return []string{"-race", name, "-rounds", raceRounds} }

var breakages = []breakage{
	{"a delete that forgets the cgroup", "libcontainer/delete.go", "return h.Delete(c.record.Cgroup, c.record.name(), group)", "return nil", bySweep},
	{"a delete that does not kill", "libcontainer/delete.go", "func (c *container) kill9(killGroup func()) {", "func (c *container) kill9(func()) {}\nfunc (c *container) unused(killGroup func()) {", bySweep},
	{"a create that fails and forgets the cgroup", "libcontainer/create.go", "_ = c.Hierarchy.Delete(c.Cgroup, c.record.name(), group)", "", bySweep},
	{"a hook that begins without being on record", "libcontainer/hooks.go", "		err = c.record.save(c.dir)\n", "", byHooks},
	{"a delete that forgets the poststop hooks", "libcontainer/retired.go", "	if !c.record.Poststop {", "	if c.record.Poststop || !c.record.Poststop {", byStops},
	{"a start that does not lock", "libcontainer/start.go", `r.lock(id, "start")`, "r.open(id)", byRace("starts")},
	{"a create that does not claim its cgroup", "cgroupv2/hierarchy.go", "err = c.claim(made, m.Existed, holder)", "", byRace("one-cgroup")},
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
