package main

import (
	"strings"
	"testing"
)

// swept is a sweep of create, in one variant: so many points, of which some were
// missed, unclean, or left something behind.
func swept(points, tried, missed, unclean, left int) *result {
	g := &group{Variant: "plain", Verb: "create", Mode: atMain, Points: points}
	for i := range tried {
		o := outcome{Hit: i >= missed}
		if i < unclean {
			o.wrong("state: hangs")
		}
		if i < left {
			o.Left = []string{"cgroup /a"}
		}
		g.outcomes = append(g.outcomes, o)
	}
	return &result{groups: []*group{g}, found: map[recorded]int{{"plain", "create"}: points}}
}

func TestJudge(t *testing.T) {
	sample := config{verbs: []string{"create"}, variants: variants[:1]}
	control := sample
	control.control = true
	two := sample
	two.verbs = []string{"create", "start"}
	for name, c := range map[string]struct {
		config config
		result *result
		reason string // "": it succeeds
	}{
		"all is clean":                     {sample, swept(200, 60, 0, 0, 0), ""},
		"just enough points":               {sample, swept(fewest, 60, 0, 0, 0), ""},
		"too few points":                   {sample, swept(fewest-1, 60, 0, 0, 0), "79 points found in create (plain), at least 80"},
		"no points":                        {sample, swept(0, 60, 0, 0, 0), "0 points found in create (plain)"},
		"a verb that was not recorded":     {two, swept(200, 60, 0, 0, 0), "0 points found in start (plain)"},
		"nothing tried":                    {sample, swept(200, 0, 0, 0, 0), "no point was tried"},
		"one unclean":                      {sample, swept(200, 60, 0, 1, 0), "1 of 60 points are unclean"},
		"one left":                         {sample, swept(200, 60, 0, 0, 1), "1 of 60 points are unclean"},
		"a few missed":                     {sample, swept(200, 60, 4, 0, 0), ""},
		"many missed":                      {sample, swept(200, 60, 5, 0, 0), "5 of 60 points were not met again"},
		"control: leaks":                   {control, swept(200, 60, 0, 9, 9), ""},
		"control: only verbs go wrong":     {control, swept(200, 60, 0, 60, 8), "the known leaks were not seen"},
		"control: nothing tried in create": {control, swept(200, 0, 0, 0, 0), "the known leaks were not seen"},
		"control: too few points":          {control, swept(fewest-1, 60, 0, 30, 30), "79 points found"},
	} {
		verdict := strings.Join(c.result.judge(c.config), "; ")
		if c.reason == "" && verdict != "" || !strings.Contains(verdict, c.reason) {
			t.Errorf("%s: %q, want %q", name, verdict, c.reason)
		}
	}
	broken := swept(200, 60, 0, 0, 0)
	broken.broken = []string{"record: a thread is lost"}
	if broken.judge(sample) == nil {
		t.Error("a broken test passes")
	}
}

func TestJudgeRaces(t *testing.T) {
	clean := config{rounds: 25}
	control := config{rounds: 25, control: true}
	failed := []failure{{Round: 3}}
	for name, c := range map[string]struct {
		config config
		sum    lap
		reason string
	}{
		"all well":                {clean, lap{Race: "a", Rounds: 25}, ""},
		"a failure":               {clean, lap{Race: "a", Rounds: 25, Failures: failed}, "a: 1 of 25 rounds failed"},
		"rounds not run":          {clean, lap{Race: "a", Rounds: 20}, "only 20 of 25"},
		"some missed":             {clean, lap{Race: "a", Rounds: 25, Missed: 3}, ""},
		"many missed":             {clean, lap{Race: "a", Rounds: 25, Missed: 4}, "did not come to the race"},
		"control: a failure":      {control, lap{Race: "a", Rounds: 25, Failures: failed}, ""},
		"control: nothing failed": {control, lap{Race: "a", Rounds: 25}, "no round failed"},
	} {
		verdict := strings.Join(judgeRaces(c.config, []lap{c.sum}), "; ")
		if c.reason == "" && verdict != "" || !strings.Contains(verdict, c.reason) {
			t.Errorf("%s: %q, want %q", name, verdict, c.reason)
		}
	}
}

// A sample takes of every group in turn, and a round has the same chances each time.
func TestSampleIsSpread(t *testing.T) {
	s := &result{}
	for _, n := range []int{1, 3, 50} {
		s.groups = append(s.groups, &group{Points: n, jobs: make([]job, n)})
	}
	for i, g := range s.groups {
		for k := range g.jobs {
			g.jobs[k].At.Proc = i
		}
	}
	var got [3]int
	for _, j := range s.choose(10, 1) {
		got[j.At.Proc]++
	}
	if got != [3]int{1, 3, 6} {
		t.Errorf("took %v of the groups", got)
	}
	if n := len(s.choose(0, 1)); n != 54 {
		t.Errorf("took %d of all 54", n)
	}
	a, b := chance(task{Race: "starts", Seed: 7}, 3), chance(task{Race: "starts", Seed: 7}, 3)
	c, d := chance(task{Race: "starts", Seed: 8}, 3), chance(task{Race: "starts", Seed: 7}, 4)
	if x := a.Uint64(); x != b.Uint64() || x == c.Uint64() || x == d.Uint64() {
		t.Error("the chances of a round do not follow from seed and number alone")
	}
}
