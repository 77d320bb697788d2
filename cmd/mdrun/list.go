package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/mdrun/mdrun/libcontainer"
)

func listCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the containers below the state root", ArgsUsage: " ",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Value: "table", Usage: "`FORMAT`: table or json"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print only the ids"},
		},
		Action: func(c *cli.Context) error {
			if err := arguments(c, 0, 0); err != nil {
				return err
			}
			containers, broken, err := runtime(c).List()
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
}

func printList(c *cli.Context, containers []*libcontainer.State) error {
	switch format := c.String("format"); {
	case c.Bool("quiet"):
		var b []byte
		for _, s := range containers {
			b = append(append(b, s.ID...), '\n')
		}
		return write(c, b)
	case format == "json":
		return write(c, append(listJSON(containers), '\n'))
	case format != "table":
		return &advice{text: fmt.Sprintf("invalid format option %q", format), hint: "It is table or json."}
	}
	w := tabwriter.NewWriter(c.App.Writer, 12, 1, 3, ' ', 0)
	fmt.Fprint(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER\n")
	for _, s := range containers {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", s.ID, s.PID, s.Status, oneLine(s.Bundle), s.Created.Format(time.RFC3339Nano), s.Owner)
	}
	return w.Flush()
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
