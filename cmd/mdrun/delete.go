package main

import "github.com/urfave/cli/v2"

func deleteCommand() *cli.Command {
	return &cli.Command{
		Name: "delete", Usage: "remove what create made", ArgsUsage: "ID",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Usage: "in any state; kill it first; no error where there is none"}},
		Action: func(c *cli.Context) error {
			if err := arguments(c, 1, 1); err != nil {
				return err
			}
			return runtime(c).Delete(c.Args().First(), c.Bool("force"))
		},
	}
}
