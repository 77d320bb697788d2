// Command bench measures a runtime against runc and crun.
//
//	bench -runtime bin/mdrun -tree DIR              print a table
//	bench -runtime bin/mdrun -tree DIR -write docs  and write docs/performance.{json,svg} and the table in performance.md
//
// DIR is a Debian tree with the peers (tests/setup/peers makes one). Everything runs in
// a sandbox, under a real-time class where the machine allows that: plain timings of
// a busy machine say nothing. In every round a runtime and crun do the case once, in
// turn; what is quoted is the median of the rounds' ratios. A case is done back to back
// and with an idle gap before it, because some calls are quick only as long as the kernel
// is warm (RCU).
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/mdrun/mdrun/tests/sandbox"
)

type options struct {
	runtime, tree, write string
	rounds               int
	only                 string
	check                bool
}

// dirVar names the directory that both sides of the sandbox see: the runtime comes in
// there, and the figures come out.
const dirVar = "MDRUN_BENCH_DIR"

func main() {
	o := options{}
	flag.StringVar(&o.runtime, "runtime", "bin/mdrun", "the `binary` under test")
	flag.StringVar(&o.tree, "tree", "", "a Debian `DIR` with runc and crun")
	flag.StringVar(&o.write, "write", "", "write the figures and the chart into `DIR`")
	flag.IntVar(&o.rounds, "rounds", 200, "how often each case is done")
	flag.StringVar(&o.only, "only", "", "only the case of this `name`")
	flag.BoolVar(&o.check, "check", false, "fail when a bar is missed")
	flag.Parse()
	err := o.outside()
	if os.Getenv(dirVar) != "" {
		sandbox.Reexec()
		err = o.bench(os.Getenv(dirVar))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// outside starts the program again where the peers are, and fetches what it measured.
func (o options) outside() error {
	if os.Getenv(dirVar) != "" {
		return nil
	}
	if o.tree == "" {
		return fmt.Errorf("-tree is needed: tests/setup/peers makes one and prints its name")
	}
	dir, err := os.MkdirTemp("/tmp", "mdrun-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// The peers' tree is read-only in the sandbox, and crun looks at that: it leaves its
	// protection of the own executable out (it copies itself and executes the copy),
	// which it never does on a machine. So all of them lie in one writable place.
	programs := map[string]string{
		o.runtime: "mdrun", "/proc/self/exe": "bench",
		filepath.Join(o.tree, "usr/bin/crun"): "crun", filepath.Join(o.tree, "usr/sbin/runc"): "runc",
	}
	for from, to := range programs {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, to), data, 0o755); err != nil {
			return err
		}
	}
	cmd := exec.Command("chrt", append([]string{"-f", "10", dir + "/bench", "-runtime=" + dir + "/mdrun"}, os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), dirVar+"="+dir, sandbox.RootVar+"="+o.tree)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := exec.Command("chrt", "-f", "10", "true").Run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench: no real-time class here (chrt -f): the figures are those of a machine that others use too")
		cmd.Path, cmd.Args = dir+"/bench", cmd.Args[3:]
	}
	if err := cmd.Run(); err != nil {
		return err
	}
	return o.fetch(dir)
}

func (o options) fetch(dir string) error {
	if o.write == "" {
		return nil
	}
	for _, name := range []string{"performance.json", "performance.svg"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(o.write, name), data, 0o644); err != nil {
			return err
		}
	}
	table, err := os.ReadFile(filepath.Join(dir, tableFile))
	if err != nil {
		return err
	}
	return putTable(filepath.Join(o.write, "performance.md"), table)
}
