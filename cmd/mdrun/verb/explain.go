package verb

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/mdrun/mdrun/libcontainer"
	"github.com/mdrun/mdrun/spec"
)

var explain = Verb{
	Name: "explain", Usage: "print what a container is made of, in order, each with its field of config.json",
	Args: "BUNDLE|ID | --rootfs DIR ... -- COMMAND...", Most: 1, Tail: true,
	flags: func() []Flag {
		return append([]Flag{
			{Name: "json", Usage: "as JSON"},
			{Name: "no-pivot", Usage: "as with create, for a bundle"},
			{Name: "no-new-keyring", Usage: "as with create, for a bundle"},
			{Name: "preserve-fds", Value: "N", Number: true, Usage: "as with create, for a bundle"},
		}, shellFlags...)
	},
	Run: func(c *Call) error {
		e, err := explanation(c)
		if err != nil {
			return err
		}
		if c.on("json") {
			return explainJSON(os.Stdout, e)
		}
		return explainText(os.Stdout, e)
	},
}

// explanation takes what flags describe, or a container where there is one of the name,
// else a bundle.
func explanation(c *Call) (*libcontainer.Explanation, error) {
	shell, err := c.shell()
	if err != nil {
		return nil, err
	}
	r, o := c.runtime(), createOptions(c)
	switch {
	case shell && len(c.Args) > 0:
		return nil, c.wrong("takes a bundle, a container or --rootfs, not two of them", "Leave "+c.Args[0]+" or --rootfs out.")
	case shell:
		if o.Loaded, err = c.bundleOfFlags(); err != nil {
			return nil, err
		}
		e, err := r.Explain(o)
		return e, c.inFlags(err)
	case len(c.Args) == 0:
		return nil, c.wrong("needs "+c.Verb.Args, "`mdrun explain --help` tells more.")
	}
	name := c.Args[0]
	if spec.CheckID(name) == nil {
		e, err := r.ExplainID(name)
		if err == nil {
			err = c.noCreateFlags(name)
		}
		if err == nil || !errors.Is(err, libcontainer.ErrNotExist) {
			return e, err
		}
		if _, err := os.Stat(name); err != nil {
			return nil, &Advice{Text: "explain: there is neither a container nor a directory " + name, Hint: "Give the id of a container, or a bundle: a directory with a config.json."}
		}
	}
	o.Bundle = name
	return r.Explain(o)
}

// noCreateFlags: a container was created with flags of its own, which are on record.
func (c *Call) noCreateFlags(id string) error {
	for _, f := range []string{"no-pivot", "no-new-keyring", "preserve-fds"} {
		if c.given(f) {
			return c.wrong("--"+f+" is for a bundle, and "+id+" is a container", "What create was told is on record: leave --"+f+" out, or give a bundle of that name as ./"+id+".")
		}
	}
	return nil
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
	devices := section{name: "devices", title: "with a device filter, of which the first line that fits decides"}
	for _, d := range e.Devices {
		devices.lines = append(devices.lines, line{Text: d, Field: ".linux.resources.devices"})
	}
	plan := section{name: "plan", title: "the process, as init of the container, does this"}
	for _, entry := range e.Plan {
		kind := reflect.TypeOf(entry.Step).Elem().Name()
		plan.lines = append(plan.lines, line{Kind: kind, Text: entry.Step.String(), Field: entry.Field})
	}
	poststart := section{name: "poststart", title: "then, when the program has been executed, the host does this"}
	for _, h := range e.Poststart {
		poststart.lines = append(poststart.lines, line{Text: h.Text, Field: h.Field})
	}
	poststop := section{name: "poststop", title: "and this, when the container has been deleted"}
	for _, h := range e.Poststop {
		poststop.lines = append(poststop.lines, line{Text: h.Text, Field: h.Field})
	}
	return []section{birth, cgroup, devices, plan, poststart, poststop}
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
