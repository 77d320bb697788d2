package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// idle is long enough for the kernel to close what a warm loop keeps open.
const idle = 40 * time.Millisecond

// figure is what came out of one case, one entry per runtime.
type figure struct {
	Case   string             `json:"case"`
	Idle   bool               `json:"idle,omitempty"`
	Rounds int                `json:"rounds"`
	Micros map[string]float64 `json:"medianMicroseconds"`
	Ratio  map[string]float64 `json:"medianRatioToCrun"`
	Bar    float64            `json:"bar,omitempty"`
}

// bench does every case and prints the table.
func (o options) bench(dir string) error {
	// The inits of detached containers become ours to wait for.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	peers := []peer{
		{"mdrun", filepath.Join(dir, "mdrun"), "/run/mdrun", "ours"},
		{"crun", filepath.Join(dir, "crun"), "/run/crun", "theirs"},
		{"runc", filepath.Join(dir, "runc"), "/run/runc", "others"},
	}
	if err := layOut(peers[2].path); err != nil {
		return err
	}
	var all []figure
	for _, b := range benches {
		if o.only != "" && o.only != b.name {
			continue
		}
		figures, err := b.run(peers, max(o.rounds/b.divide, 3))
		if err != nil {
			return err
		}
		all = append(all, figures...)
	}
	var counts []count
	if o.only == "" {
		var err error
		if counts, err = countAll(peers); err != nil {
			return err
		}
	}
	printTable(os.Stdout, all, counts)
	if err := writeFiles(dir, all, counts); err != nil {
		return err
	}
	return o.judge(all)
}

func (o options) judge(all []figure) error {
	missed := 0
	for _, f := range all {
		if f.Bar > 0 && !f.Idle && f.Ratio["mdrun"] > f.Bar {
			fmt.Printf("missed: %s is %.2f of crun, the bar is %.2f\n", f.Case, f.Ratio["mdrun"], f.Bar)
			missed++
		}
	}
	if o.check && missed > 0 {
		return fmt.Errorf("%d bars missed", missed)
	}
	return nil
}

func (b bench) run(peers []peer, rounds int) ([]figure, error) {
	if b.prepare != nil {
		for _, p := range peers {
			if err := b.prepare(p); err != nil {
				return nil, err
			}
		}
	}
	var out []figure
	f, err := b.rounds(peers, rounds, false)
	if err == nil && b.gap {
		out = append(out, f)
		f, err = b.rounds(peers, max(rounds/2, 3), true)
	}
	if err != nil {
		return nil, err
	}
	if b.clean != nil {
		for _, p := range peers {
			if err := b.clean(p); err != nil {
				return nil, err
			}
		}
	}
	return append(out, f), nil
}

// rounds draws lots for the order: what the kernel clears away after one runtime goes on
// while the next one runs, so each has to follow each as often. The first round only warms
// up.
func (b bench) rounds(peers []peer, rounds int, gap bool) (figure, error) {
	times := map[string][]float64{}
	ratios := map[string][]float64{}
	lots := rand.New(rand.NewPCG(1, 1))
	for round := range rounds + 1 {
		now := map[string]float64{}
		for _, i := range lots.Perm(len(peers)) {
			p := peers[i]
			if gap {
				time.Sleep(idle)
			}
			took, err := b.measure(p)
			if err != nil {
				return figure{}, err
			}
			now[p.name] = float64(took.Microseconds())
		}
		if round == 0 {
			continue
		}
		for name, t := range now {
			times[name] = append(times[name], t)
			ratios[name] = append(ratios[name], t/now["crun"])
		}
	}
	f := figure{Case: b.name, Idle: gap, Rounds: rounds, Bar: b.bar, Micros: map[string]float64{}, Ratio: map[string]float64{}}
	for name := range times {
		f.Micros[name], f.Ratio[name] = median(times[name]), median(ratios[name])
	}
	return f, nil
}

func median(v []float64) float64 {
	slices.Sort(v)
	if len(v)%2 == 1 {
		return v[len(v)/2]
	}
	return (v[len(v)/2-1] + v[len(v)/2]) / 2
}
