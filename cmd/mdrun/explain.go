package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/mdrun/mdrun/libcontainer"
)

func explainCommand() *cli.Command {
	return &cli.Command{
		Name: "explain", Usage: "print what a container is made of, in order, each with its field of config.json", ArgsUsage: "BUNDLE|ID",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "as JSON"},
			&cli.BoolFlag{Name: "no-pivot", Usage: "as with create --no-pivot"},
			&cli.BoolFlag{Name: "no-new-keyring", Usage: "as with create --no-new-keyring"},
			&cli.IntFlag{Name: "preserve-fds", Usage: "as with create --preserve-fds `N`"},
		},
		Action: func(c *cli.Context) error {
			if err := arguments(c, 1, 1); err != nil {
				return err
			}
			e, err := explanation(c)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return explainJSON(c.App.Writer, e)
			}
			return explainText(c.App.Writer, e)
		},
	}
}

// explanation takes a container where there is one of the name, else a bundle.
func explanation(c *cli.Context) (*libcontainer.Explanation, error) {
	r, name := runtime(c), c.Args().First()
	if !strings.Contains(name, "/") {
		e, err := r.ExplainID(name)
		if err == nil || !errors.Is(err, libcontainer.ErrNotExist) {
			return e, err
		}
		if _, err := os.Stat(name); err != nil {
			return nil, &advice{text: "explain: there is neither a container nor a directory " + name, hint: "Give the id of a container, or a bundle: a directory with a config.json."}
		}
	}
	return r.Explain(name, createOptions(c))
}

// line is a sentence and the field it comes from.
type line struct {
	Kind  string `json:"kind,omitempty"`
	Text  string `json:"text"`
	Field string `json:"field,omitempty"`
}

type section struct {
	name, title string
	lines       []line
}

func sections(e *libcontainer.Explanation) []section {
	birth := section{name: "birth", title: "the host makes a process"}
	for _, b := range e.Birth {
		birth.lines = append(birth.lines, line{Text: b.Text, Field: b.Field})
	}
	cgroup := section{name: "cgroup", title: "in a cgroup, where it writes"}
	for _, s := range e.Cgroup {
		cgroup.lines = append(cgroup.lines, line{Text: s.File + " = " + s.Value, Field: s.Field})
	}
	devices := section{name: "devices", title: "whose device filter decides, the last line that fits first"}
	for _, d := range e.Devices {
		devices.lines = append(devices.lines, line{Text: d, Field: ".linux.resources.devices"})
	}
	plan := section{name: "plan", title: "the process, as init of the container, does this"}
	for _, entry := range e.Plan {
		kind := reflect.TypeOf(entry.Step).Elem().Name()
		plan.lines = append(plan.lines, line{Kind: kind, Text: entry.Step.String(), Field: entry.Field})
	}
	return []section{birth, cgroup, devices, plan}
}

const textWidth = 76

func explainText(w io.Writer, e *libcontainer.Explanation) error {
	var b strings.Builder
	for _, s := range sections(e) {
		if len(s.lines) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s\n", s.title)
		for i, l := range s.lines {
			text := fmt.Sprintf("%4d  %s", i+1, oneLine(l.Text))
			if l.Field != "" {
				text = fmt.Sprintf("%-*s  %s", textWidth, text, oneLine(l.Field))
			}
			fmt.Fprintln(&b, strings.TrimRight(text, " "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func explainJSON(w io.Writer, e *libcontainer.Explanation) error {
	out := map[string]any{}
	if e.ID != "" {
		out["id"] = e.ID
	}
	for _, s := range sections(e) {
		lines := s.lines
		if lines == nil {
			lines = []line{}
		}
		out[s.name] = lines
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
