package verb

import (
	"bytes"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/mdrun/mdrun/libcontainer"
)

var list = Verb{
	Name: "list", Usage: "list the containers below the state root",
	flags: func() []Flag {
		return []Flag{
			{Name: "format", Short: "f", Value: "FORMAT", Default: "table", Usage: "table or json"},
			{Name: "quiet", Short: "q", Usage: "print only the ids"},
		}
	},
	Run: func(c *Call) error {
		containers, broken, err := c.runtime().List()
		if err != nil {
			return err
		}
		// One that cannot be read hides no other and is no failure of the list.
		for _, b := range broken {
			warn(b.Error())
		}
		return printList(c, containers)
	},
}

func printList(c *Call, containers []*libcontainer.State) error {
	switch format := c.text("format"); {
	case c.on("quiet"):
		var b []byte
		for _, s := range containers {
			b = append(append(b, s.ID...), '\n')
		}
		return print(b)
	case format == "json":
		return print(append(listJSON(containers), '\n'))
	case format != "table" && format != "":
		return c.wrong("invalid format option "+strconv.Quote(format), "It is table or json.")
	}
	var table bytes.Buffer // tabwriter writes cell by cell
	w := tabwriter.NewWriter(&table, 12, 1, 3, ' ', 0)
	fmt.Fprint(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER\n")
	for _, s := range containers {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", s.ID, s.PID, s.Status, oneLine(s.Bundle), s.Created.Format(time.RFC3339Nano), s.Owner)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return print(table.Bytes())
}

// listJSON: null where there is none, as runc prints and go-runc reads.
func listJSON(containers []*libcontainer.State) []byte {
	if len(containers) == 0 {
		return []byte("null")
	}
	b := []byte{'['}
	for i, s := range containers {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.AppendJSON(b, false)
	}
	return append(b, ']')
}
