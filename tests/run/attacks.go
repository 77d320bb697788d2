package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// holes are the attempts that get through in the control, Debian 12's runc, by the
// number of an advisory.
var holes = map[string]string{
	"S-05": "CVE-2025-31133, a false null device over a masked file",
	"S-06": "CVE-2025-31133, the same over a masked folder",
	"S-09": "CVE-2025-52881, a mount inside /proc",
	"S-12": "CVE-2026-41579, a /dev that is a link",
	"S-13": "CVE-2021-30465, a path that becomes a link while it is used",
	"S-31": "a pid file that takes the place of a device",
	"S-32": "a state whose FIFO another user may write to",
	"S-33": "a user namespace that belongs to each root outside",
}

// attacks sees that nothing gets out of our containers, and that the attempts are any
// good: in a runtime with known holes they have to find them.
func attacks(r *report) error {
	if err := r.goTest([]string{"CGO_ENABLED=0"}, "./tests/attacks"); err != nil {
		return err
	}
	cmd := r.command(nil, "tests/setup/control")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("tests/setup/control: %w", err)
	}
	env := []string{"CGO_ENABLED=0", "MDRUN_SANDBOX_ROOT=" + strings.TrimSpace(string(out)), "RUNTIME=/usr/sbin/runc"}
	// It fails, as it has to: what it prints tells why.
	out, _ = r.command(env, "go", "test", "-count=1", "./tests/attacks").CombinedOutput()
	for id, what := range holes {
		name := "control: " + id + " is caught"
		if regexp.MustCompile(`(?m)^` + id + ` .*: HIT`).Match(out) {
			r.pass(name)
			continue
		}
		r.fail(name, what+"\n"+string(out))
	}
	return nil
}
