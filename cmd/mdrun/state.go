package main

import "github.com/urfave/cli/v2"

func stateCommand() *cli.Command {
	return &cli.Command{
		Name: "state", Usage: "print the state of a container as JSON", ArgsUsage: "ID",
		Action: func(c *cli.Context) error {
			if err := arguments(c, 1, 1); err != nil {
				return err
			}
			s, err := runtime(c).State(c.Args().First())
			if err != nil {
				return err
			}
			return write(c, append(s.AppendJSON(nil, true), '\n'))
		},
	}
}
