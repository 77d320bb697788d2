// Command faults kills a container runtime at every moment that matters and looks
// what is left.
//
//	faults -runtime bin/mdrun                     the whole sweep
//	faults -runtime bin/mdrun -sample 60          60 points, spread over everything
//	faults -runtime bin/mdrun -races -rounds 200  two callers at once, 200 times each
//	faults -runtime /usr/bin/runc -control        a runtime that is known to leak: it must be caught
//
// See README.md for what a point is and what must hold after it.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mdrun/mdrun/tests/sandbox"
)

// config is what the command line asks for.
type config struct {
	runtime  string
	busybox  string
	root     string // a tree to run in, "" for the machine's
	verbs    []string
	modes    []mode
	variants []variant
	sample   int // 0: every point
	seed     int64
	workers  int
	patience time.Duration
	control  bool
	races    []race // run these instead of the sweep
	rounds   int
	json     bool
	verbose  bool
}

var allVerbs = []string{"create", "start", "run", "kill", "delete", "delete --force"}

func main() {
	serveIfWorker()
	c, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(2)
	}
	ok, err := c.run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// run reports whether everything is as it must be.
func (c config) run() (bool, error) {
	if err := sandbox.Available(); err != nil {
		return false, err
	}
	if len(c.races) > 0 {
		return runRaces(c, os.Stdout)
	}
	s, err := sweep(c)
	if err != nil {
		return false, err
	}
	verdict := s.judge(c)
	if c.json {
		err = s.writeJSON(os.Stdout, verdict)
	} else {
		s.writeTable(os.Stdout, c.verbose, verdict)
	}
	return len(verdict) == 0, err
}

func parse(args []string) (config, error) {
	var c config
	var verbs, modes, kinds, only string
	var racing bool
	f := flag.NewFlagSet("faults", flag.ContinueOnError)
	f.StringVar(&c.runtime, "runtime", os.Getenv(runtimeVar), "the `binary` under test (also from $RUNTIME)")
	f.StringVar(&c.busybox, "busybox", "/bin/busybox", "a static busybox, which the containers run")
	f.StringVar(&c.root, "root", "", "run in this `tree` instead of the machine's root (for a runtime of another system)")
	f.StringVar(&verbs, "verbs", strings.Join(allVerbs, ","), "verbs to kill")
	f.StringVar(&modes, "modes", "main,child,all", "whom to kill")
	f.StringVar(&kinds, "variants", variantNames(), "kinds of containers")
	f.IntVar(&c.sample, "sample", 0, "try only `N` points, spread evenly over verbs, modes and variants")
	f.Int64Var(&c.seed, "seed", 1, "which points a sample takes, and how races are timed")
	f.IntVar(&c.workers, "workers", 2, "sandboxes at work at the same time")
	f.DurationVar(&c.patience, "patience", usualPatience, "how long a verb may take; a control, which hangs often, needs less")
	f.BoolVar(&c.control, "control", false, "the runtime is known to leak: succeed when it is caught")
	f.BoolVar(&racing, "races", false, "run the races instead of the sweep")
	f.StringVar(&only, "race", "", "run only the race of this `name`")
	f.IntVar(&c.rounds, "rounds", 200, "how often each race is run")
	f.BoolVar(&c.json, "json", false, "print everything as JSON")
	f.BoolVar(&c.verbose, "v", false, "name every unclean point")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if err := c.chooseRaces(racing, only); err != nil {
		return c, err
	}
	return c, c.fill(verbs, modes, kinds)
}

func (c *config) chooseRaces(all bool, only string) error {
	switch r, ok := raceNamed(only); {
	case ok:
		c.races = []race{r}
	case only != "":
		return fmt.Errorf("no race %q; there are %s", only, strings.Join(raceNames(), ", "))
	case all:
		c.races = races
	}
	if c.rounds < 1 {
		return fmt.Errorf("-rounds %d: at least 1", c.rounds)
	}
	return nil
}

// fill checks the lists and makes the runtime's path one that holds everywhere.
func (c *config) fill(verbs, modes, kinds string) error {
	for _, v := range strings.Split(verbs, ",") {
		if !slices.Contains(allVerbs, v) {
			return fmt.Errorf("no verb %q; there are %s", v, strings.Join(allVerbs, ", "))
		}
		c.verbs = append(c.verbs, v)
	}
	for _, m := range strings.Split(modes, ",") {
		if !slices.Contains([]mode{atMain, atChild, atAll}, mode(m)) {
			return fmt.Errorf("no mode %q; there are main, child, all", m)
		}
		c.modes = append(c.modes, mode(m))
	}
	for _, name := range strings.Split(kinds, ",") {
		v, ok := variantNamed(name)
		if !ok {
			return fmt.Errorf("no variant %q", name)
		}
		c.variants = append(c.variants, v)
	}
	if c.runtime == "" {
		return fmt.Errorf("which runtime? -runtime or $%s", runtimeVar)
	}
	if c.root != "" {
		return nil // a path in there
	}
	path, err := filepath.Abs(c.runtime)
	if err != nil {
		return err
	}
	c.runtime = path
	_, err = os.Stat(path)
	return err
}

func variantNames() string {
	var names []string
	for _, v := range variants {
		names = append(names, v.Name)
	}
	return strings.Join(names, ",")
}

func variantNamed(name string) (variant, bool) {
	for _, v := range variants {
		if v.Name == name {
			return v, true
		}
	}
	return variant{}, false
}
