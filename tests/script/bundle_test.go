package script

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/spec"
	"github.com/mdrun/mdrun/tests/sandbox"
)

// rootDir is a busybox root that every bundle gets a copy of, as links.
const rootDir = "/tmp/script-root"

func makeRoot() error {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("%w: install the package busybox-static", err)
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(rootDir+"/bin", 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(rootDir+"/bin/busybox", program, 0o755); err != nil {
		return err
	}
	applets, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return err
	}
	for _, a := range strings.Fields(string(applets)) {
		if a == "busybox" {
			continue
		}
		if err := os.Symlink("busybox", rootDir+"/bin/"+a); err != nil {
			return err
		}
	}
	if err := showPrograms(); err != nil {
		return err
	}
	return showDebian()
}

// debianDir shows the tree of the peers, or the one that MDRUN_DEBIAN names.
const debianDir = "/tmp/script-debian"

func showDebian() error {
	source := os.Getenv("MDRUN_DEBIAN")
	if os.Getenv(sandbox.RootVar) != "" {
		source = "/"
	}
	if source == "" {
		return nil
	}
	if err := os.Mkdir(debianDir, 0o755); err != nil {
		return err
	}
	return unix.Mount(source, debianDir, "", unix.MS_BIND, "")
}

// makeBundle is the command `bundle DIR [EDIT...]`: what `mdrun spec` writes, without a
// terminal and with a root that can be written to, and the edits. An edit is PATH=JSON,
// PATH[+]=JSON, which appends to a list, or -PATH, which removes.
func makeBundle(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: bundle DIR [PATH=JSON | PATH[+]=JSON | -PATH]...")
	}
	dir := ts.MkAbs(args[0])
	if _, err := os.Stat(dir + "/rootfs"); err != nil {
		ts.Check(busyboxRoot(dir + "/rootfs"))
	}
	data, err := json.Marshal(spec.Default())
	ts.Check(err)
	var doc any
	ts.Check(json.Unmarshal(data, &doc))
	edits := append([]string{"process.terminal=false", "root.readonly=false"}, args[1:]...)
	for _, e := range edits {
		ts.Check(edit(doc, e))
	}
	data, err = json.MarshalIndent(doc, "", "  ")
	ts.Check(err)
	ts.Check(os.WriteFile(dir+"/config.json", data, 0o644))
}

// busyboxRoot is a copy of the busybox root, as links, with the usual folders.
func busyboxRoot(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if out, err := exec.Command("cp", "-al", rootDir, dir).CombinedOutput(); err != nil {
		return fmt.Errorf("cp: %w: %s", err, out)
	}
	for _, d := range []string{"dev", "etc", "proc", "sys", "tmp", "root"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	return nil
}

func edit(doc any, e string) error {
	if path, ok := strings.CutPrefix(e, "-"); ok {
		return change(doc, path, nil, true)
	}
	path, text, ok := strings.Cut(e, "=")
	if !ok {
		return fmt.Errorf("edit %q: no =", e)
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return fmt.Errorf("edit %q: %w", e, err)
	}
	return change(doc, path, value, false)
}

// change walks to the place and sets it, appends to it, or removes it.
func change(doc any, path string, value any, remove bool) error {
	object, ok := doc.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: not in an object", path)
	}
	key, rest, deeper := strings.Cut(path, ".")
	key, index, indexed := strings.Cut(strings.TrimSuffix(key, "]"), "[")
	switch {
	case remove && !deeper && !indexed:
		delete(object, key)
	case !deeper && !indexed:
		object[key] = value
	case indexed && index == "+":
		list, _ := object[key].([]any)
		object[key] = append(list, value)
	case indexed:
		list, _ := object[key].([]any)
		n, err := strconv.Atoi(index)
		if err != nil || n >= len(list) {
			return fmt.Errorf("%s: no such index", path)
		}
		if deeper {
			return change(list[n], rest, value, remove)
		}
		list[n] = value
	default:
		if object[key] == nil {
			object[key] = map[string]any{}
		}
		return change(object[key], rest, value, remove)
	}
	return nil
}
