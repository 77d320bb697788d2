package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const events = `{"Action":"run","Package":"github.com/mdrun/mdrun/a","Test":"TestA"}
{"Action":"output","Package":"github.com/mdrun/mdrun/a","Test":"TestA/x","Output":"said\n"}
{"Action":"pass","Package":"github.com/mdrun/mdrun/a","Test":"TestA/x"}
{"Action":"pass","Package":"github.com/mdrun/mdrun/a","Test":"TestA"}
{"Action":"skip","Package":"github.com/mdrun/mdrun/a","Test":"TestB"}
{"Action":"fail","Package":"github.com/mdrun/mdrun/a","Test":"TestC"}
{"Action":"skip","Package":"github.com/mdrun/mdrun/empty"}
`

func TestReportCountsWhatIsNoParent(t *testing.T) {
	r := &report{suite: suite{name: "s"}}
	if err := r.read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	if r.count() != 1 || len(r.skipped) != 1 || r.skipped[0] != "a.TestB" || len(r.failed) != 1 || r.failed[0] != "a.TestC" {
		t.Errorf("passed %v (%d), skipped %v, failed %v", r.passed, r.count(), r.skipped, r.failed)
	}
	if err := r.read(strings.NewReader("no json")); err == nil {
		t.Error("what is not JSON was taken")
	}
}

func TestWhatIsLeftOutIsTold(t *testing.T) {
	req := required{atLeast: map[string]int{"s": 2}, skips: map[string]string{"s a.TestB": "why"}}
	for name, c := range map[string]struct {
		r    report
		told string
	}{
		"not run at all":  {report{missing: "needs root"}, "not run: needs root"},
		"too few":         {report{passed: []string{"a.TestA"}}, "1 tests passed"},
		"a skip":          {report{passed: []string{"1", "2"}, skipped: []string{"a.TestD"}}, "skipped: a.TestD"},
		"a listed skip":   {report{passed: []string{"1", "2"}, skipped: []string{"a.TestB"}}, ""},
		"nothing missing": {report{passed: []string{"1", "2"}}, ""},
	} {
		c.r.suite.name = "s"
		left := strings.Join(req.leftOut(&c.r), "; ")
		if (c.told == "") != (left == "") || !strings.Contains(left, c.told) {
			t.Errorf("%s: told %q, want %q", name, left, c.told)
		}
	}
}

func TestRequiredNamesEverySuite(t *testing.T) {
	if _, err := readRequired("../required"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("../required")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(string) string{
		"a suite is missing": func(s string) string { return strings.Replace(s, "\nscript ", "\n#", 1) },
		"one too many":       func(s string) string { return s + "frobnicate 3\n" },
		"no number":          func(s string) string { return s + "check many\n" },
		"no reason":          func(s string) string { return s + "skip unit TestX\n" },
	} {
		path := filepath.Join(t.TempDir(), "required")
		if err := os.WriteFile(path, []byte(change(string(data))), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := readRequired(path); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
