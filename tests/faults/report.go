package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// tally is the sum of a group's outcomes.
type tally struct {
	Tried       int `json:"tried"`       // points killed at, or missed
	Missed      int `json:"missed"`      // points that this run did not come to
	Unclean     int `json:"unclean"`     // something left or something wrong
	Left        int `json:"left"`        // something left
	Wrong       int `json:"wrong"`       // a verb without its due answer
	MountPoints int `json:"mountPoints"` // points with new mount points in the root
}

func (g *group) tally() (t tally) {
	count := func(n *int, yes bool) {
		if yes {
			*n++
		}
	}
	for _, o := range g.outcomes {
		t.Tried++
		count(&t.Missed, !o.Hit)
		count(&t.Unclean, o.unclean())
		count(&t.Left, len(o.Left) > 0)
		count(&t.Wrong, len(o.Wrong) > 0)
		count(&t.MountPoints, o.MountPoints > 0)
	}
	return t
}

func (t *tally) add(u tally) {
	t.Tried += u.Tried
	t.Missed += u.Missed
	t.Unclean += u.Unclean
	t.Left += u.Left
	t.Wrong += u.Wrong
	t.MountPoints += u.MountPoints
}

func (s *result) writeTable(w io.Writer, verbose bool, verdict []string) {
	if verbose {
		for _, g := range s.groups {
			for _, o := range g.outcomes {
				if o.unclean() {
					fmt.Fprintf(w, "%v\n\tleft:  %q\n\twrong: %q\n", o.Job, o.Left, o.Wrong)
				}
			}
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "variant\tverb\tmode\tpoints\ttried\tunclean\tleft\twrong\tmissed\tmount points\t")
	var sum tally
	for _, g := range s.groups {
		row(t, g.Variant, g.Verb, g.name(), g.Points, g.tally())
		sum.add(g.tally())
	}
	row(t, "all", "", "", s.points(), sum)
	t.Flush()
	fmt.Fprintf(w, "\n%v", s.took.Round(time.Second))
	if sum.Tried > 0 {
		fmt.Fprintf(w, ", %.1f %% unclean", 100*float64(sum.Unclean)/float64(sum.Tried))
	}
	fmt.Fprintln(w)
	for _, v := range verdict {
		fmt.Fprintln(w, "FAIL:", v)
	}
}

func row(w io.Writer, variant, verb, mode string, points int, t tally) {
	fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n",
		variant, verb, mode, points, t.Tried, t.Unclean, t.Left, t.Wrong, t.Missed, t.MountPoints)
}

func (g *group) name() string {
	if g.Fine {
		return string(g.Mode) + ", every call"
	}
	return string(g.Mode)
}

func (s *result) points() (n int) {
	for _, g := range s.groups {
		n += g.Points
	}
	return n
}

func (s *result) writeJSON(w io.Writer, verdict []string) error {
	type full struct {
		*group
		tally
		Outcomes []outcome `json:"outcomes"`
	}
	out := struct {
		Groups  []full   `json:"groups"`
		Seconds float64  `json:"seconds"`
		Failed  []string `json:"failed"`
	}{Seconds: s.took.Seconds(), Failed: verdict}
	for _, g := range s.groups {
		out.Groups = append(out.Groups, full{g, g.tally(), g.outcomes})
	}
	return json.NewEncoder(w).Encode(out)
}
