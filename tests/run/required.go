package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// required is what tests/required asks for.
type required struct {
	atLeast map[string]int    // by suite: so many tests have to pass
	skips   map[string]string // by "SUITE TEST": the reason
}

// readRequired reads lines "SUITE NUMBER" and "skip SUITE TEST: REASON". Each suite has
// to be there, and nothing else.
func readRequired(path string) (required, error) {
	req := required{map[string]int{}, map[string]string{}}
	data, err := os.ReadFile(path)
	if err != nil {
		return req, err
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := req.add(line); err != nil {
			return req, fmt.Errorf("%s: %w", path, err)
		}
	}
	for _, name := range suiteNames() {
		if req.atLeast[name] == 0 {
			return req, fmt.Errorf("%s: no row for the suite %s", path, name)
		}
	}
	if len(req.atLeast) != len(suites) {
		return req, fmt.Errorf("%s: a row for a suite that is not there", path)
	}
	return req, nil
}

func (req required) add(line string) error {
	if rest, ok := strings.CutPrefix(line, "skip "); ok {
		key, reason, ok := strings.Cut(rest, ": ")
		if !ok || strings.Count(key, " ") != 1 {
			return fmt.Errorf("%q is not skip SUITE TEST: REASON", line)
		}
		req.skips[key] = reason
		return nil
	}
	name, number, _ := strings.Cut(line, " ")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not SUITE NUMBER", line)
	}
	req.atLeast[name] = n
	return nil
}

// leftOut tells what a suite should have done and did not.
func (req required) leftOut(r *report) []string {
	if r.missing != "" {
		return []string{r.suite.name + ": not run: " + r.missing}
	}
	var left []string
	for _, s := range r.skipped {
		if req.skips[r.suite.name+" "+s] == "" {
			left = append(left, fmt.Sprintf("%s: skipped: %s", r.suite.name, s))
		}
	}
	if want := req.atLeast[r.suite.name]; r.count() < want && len(r.failed) == 0 {
		left = append(left, fmt.Sprintf("%s: %d tests passed, tests/required asks for %d", r.suite.name, r.count(), want))
	}
	return left
}
