// Command run runs the suites of tests one after the other and says of each what
// passed, what failed, and what was left out.
//
//	run                  every suite
//	run script faults    these
//
// With REQUIRE=all in the environment, as CI has it, what is left out is a failure too:
// see tests/required.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

func main() {
	ok, err := run(os.Args[1:], os.Getenv("REQUIRE"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "tests:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(names []string, require string) (bool, error) {
	if require != "" && require != "all" {
		return false, fmt.Errorf("REQUIRE=%s: only REQUIRE=all means something", require)
	}
	req, err := readRequired("tests/required")
	if err != nil {
		return false, err
	}
	chosen, err := choose(names)
	if err != nil {
		return false, err
	}
	// What a test keeps of the person's environment would make it another test.
	for _, name := range []string{"RUNTIME", "MDRUN_SANDBOX_ROOT", "MDRUN_SANDBOX_STAGE", "MDRUN_DEBIAN", "MDRUN_PROGRAMS"} {
		os.Unsetenv(name)
	}
	var reports []*report
	for _, s := range chosen {
		reports = append(reports, s.do())
	}
	return conclude(reports, req, require == "all"), nil
}

// choose finds the suites by name; no name stands for all of them.
func choose(names []string) ([]suite, error) {
	if len(names) == 0 {
		return suites, nil
	}
	var chosen []suite
	for _, name := range names {
		i := slices.IndexFunc(suites, func(s suite) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no suite %q; there are %s", name, strings.Join(suiteNames(), ", "))
		}
		chosen = append(chosen, suites[i])
	}
	return chosen, nil
}

func suiteNames() []string {
	var names []string
	for _, s := range suites {
		names = append(names, s.name)
	}
	return names
}

// do runs a suite within its minutes.
func (s suite) do() *report {
	fmt.Printf("== %s: %s\n", s.name, s.about)
	r := &report{suite: s}
	if s.root && os.Geteuid() != 0 {
		r.missing = "needs root"
		return r
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(s.minutes)*time.Minute)
	defer cancel()
	r.ctx = ctx
	begin := time.Now()
	err := s.run(r)
	r.took = time.Since(begin)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		r.fail(s.name, fmt.Sprintf("took longer than its %d minutes\n", s.minutes))
	case err != nil:
		r.fail(s.name, err.Error()+"\n")
	}
	return r
}

// conclude prints the table and reports whether all is well.
func conclude(reports []*report, req required, strict bool) bool {
	var complaints []string
	fmt.Printf("\n%-8s %7s %7s %7s %9s %8s\n", "suite", "passed", "failed", "skipped", "time", "budget")
	for _, r := range reports {
		fmt.Printf("%-8s %7d %7d %7d %9s %6dm\n", r.suite.name, r.count(), len(r.failed), len(r.skipped), r.took.Round(time.Second/10), r.suite.minutes)
		for _, f := range r.failed {
			complaints = append(complaints, fmt.Sprintf("%s: failed: %s", r.suite.name, f))
		}
		left := req.leftOut(r)
		if strict {
			complaints = append(complaints, left...)
			continue
		}
		for _, l := range left {
			fmt.Println("  " + l)
		}
	}
	for _, c := range complaints {
		fmt.Println("FAIL " + c)
	}
	return len(complaints) == 0
}
