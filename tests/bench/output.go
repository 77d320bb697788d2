package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func (f figure) label() string {
	if f.Idle {
		return f.Case + ", after 40 ms idle"
	}
	return f.Case
}

func printTable(w io.Writer, all []figure, counts []count) {
	fmt.Fprintf(w, "%-44s %9s %9s %9s %8s %8s %6s\n", "median time in us, ratio to crun", "mdrun", "crun", "runc", "mdrun/", "runc/", "bar")
	for _, f := range all {
		bar := ""
		if f.Bar > 0 && !f.Idle {
			bar = fmt.Sprintf("%.2f", f.Bar)
		}
		fmt.Fprintf(w, "%-44s %9.0f %9.0f %9.0f %8.2f %8.2f %6s\n", f.label(), f.Micros["mdrun"], f.Micros["crun"], f.Micros["runc"], f.Ratio["mdrun"], f.Ratio["runc"], bar)
	}
	if len(counts) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%-14s %8s %6s %7s %8s %9s %13s %8s\n", "counts", "calls", "execs", "births", "faults", "peak KiB", "waiting KiB", "threads")
	for _, c := range counts {
		fmt.Fprintf(w, "%-14s %8d %6d %7d %8d %9d", c.Runtime+" "+c.Command, c.Calls, c.Execs, c.Births, c.Faults, c.PeakKiB)
		if c.InitTask > 0 {
			fmt.Fprintf(w, " %13d %8d", c.InitKiB, c.InitTask)
		}
		fmt.Fprintln(w)
	}
}

func writeFiles(dir string, all []figure, counts []count) error {
	data, err := json.MarshalIndent(struct {
		Figures []figure `json:"figures"`
		Counts  []count  `json:"counts"`
	}{all, counts}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "performance.json"), append(data, '\n'), 0o644); err != nil {
		return err
	}
	var table strings.Builder
	printTable(&table, all, counts)
	if err := os.WriteFile(filepath.Join(dir, tableFile), []byte(table.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "performance.svg"), []byte(chart(all)), 0o644)
}

// tableFile holds what was printed, for the page that people read.
const tableFile = "performance.txt"

// putTable replaces the first block of code of the page, which is the table.
func putTable(page string, table []byte) error {
	data, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	const fence = "```\n"
	before, rest, _ := strings.Cut(string(data), fence)
	_, after, found := strings.Cut(rest, fence)
	if !found {
		return fmt.Errorf("%s: there is no block of code for the table", page)
	}
	return os.WriteFile(page, []byte(before+fence+string(table)+fence+after), 0o644)
}

// chart draws one group of bars per case, as ratios to crun.
func chart(all []figure) string {
	const left, width, bar, group = 250, 420, 14, 56
	const most = 6.0 // what is longer is cut
	colours := map[string]string{"mdrun": "#0b7a75", "crun": "#9aa5b1", "runc": "#d9822b"}
	var b strings.Builder
	height := 40 + group*len(all)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", left+width+70, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="10" y="20" font-size="14">time as a ratio to crun, shorter is better</text>`+"\n")
	for i, f := range all {
		top := 40 + i*group
		fmt.Fprintf(&b, `<text x="10" y="%d">%s</text>`+"\n", top+26, f.label())
		for j, name := range []string{"mdrun", "crun", "runc"} {
			y := top + j*(bar+1)
			w := min(f.Ratio[name], most) / most * width
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d">%s %.2f</text>`+"\n", left, y, w, bar, colours[name], left+w+4, y+11, name, f.Ratio[name])
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}
