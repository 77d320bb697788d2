package main

import (
	"github.com/urfave/cli/v2"

	"github.com/mdrun/mdrun/libcontainer"
)

func createCommand() *cli.Command {
	return &cli.Command{
		Name: "create", Usage: "set a container up; its program waits for start", ArgsUsage: "ID",
		Flags: createFlags(),
		Action: func(c *cli.Context) error {
			if err := arguments(c, 1, 1); err != nil {
				return err
			}
			if err := noSystemd(c); err != nil {
				return err
			}
			return runtime(c).Create(c.Args().First(), createOptions(c))
		},
	}
}

// createFlags are the flags that create and run share.
func createFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}, Usage: "`DIR` that holds config.json (default: the working directory)"},
		&cli.StringFlag{Name: "pid-file", Usage: "write the pid of the container's process to `FILE`"},
		&cli.StringFlag{Name: "console-socket", Usage: "send the container's terminal to the socket at `PATH`"},
		&cli.IntFlag{Name: "preserve-fds", Usage: "pass `N` more descriptors, from 3 on, to the container"},
		&cli.BoolFlag{Name: "no-pivot", Usage: "move the root mount and chroot instead of pivot_root"},
		&cli.BoolFlag{Name: "no-new-keyring", Usage: "keep the caller's session keyring"},
	}
}

func createOptions(c *cli.Context) libcontainer.CreateOptions {
	return libcontainer.CreateOptions{
		Bundle: c.String("bundle"), PidFile: c.String("pid-file"), ConsoleSocket: c.String("console-socket"),
		PreserveFDs: c.Int("preserve-fds"), NoPivot: c.Bool("no-pivot"), NoNewKeyring: c.Bool("no-new-keyring"),
	}
}
