package main

import (
	"github.com/urfave/cli/v2"

	"github.com/mdrun/mdrun/libcontainer"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "create and start a container, wait for it, and delete it", ArgsUsage: "ID",
		Flags: append(createFlags(),
			&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "return when the program has been executed"},
			&cli.BoolFlag{Name: "keep", Usage: "do not delete the container when it has stopped"},
			&cli.BoolFlag{Name: "no-subreaper", Usage: "do not adopt the processes that the container orphans"},
		),
		Action: func(c *cli.Context) error {
			if err := arguments(c, 1, 1); err != nil {
				return err
			}
			if err := noSystemd(c); err != nil {
				return err
			}
			status, err := runtime(c).Run(c.Args().First(), libcontainer.RunOptions{
				CreateOptions: createOptions(c), Detach: c.Bool("detach"), Keep: c.Bool("keep"), NoSubreaper: c.Bool("no-subreaper"),
			})
			if err == nil && status != 0 {
				err = exitStatus(status)
			}
			return err
		},
	}
}
