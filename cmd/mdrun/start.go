package main

import "github.com/urfave/cli/v2"

func startCommand() *cli.Command {
	return &cli.Command{
		Name: "start", Usage: "execute the program of a created container", ArgsUsage: "ID",
		Action: func(c *cli.Context) error {
			if err := arguments(c, 1, 1); err != nil {
				return err
			}
			return runtime(c).Start(c.Args().First())
		},
	}
}
