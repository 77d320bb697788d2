package main

import (
	"encoding/json"

	"github.com/urfave/cli/v2"

	"github.com/mdrun/mdrun/libcontainer"
)

func featuresCommand() *cli.Command {
	return &cli.Command{
		Name: "features", Usage: "print what is supported, as JSON", ArgsUsage: " ",
		Action: func(c *cli.Context) error {
			if err := arguments(c, 0, 0); err != nil {
				return err
			}
			f := libcontainer.Features()
			f.Annotations = map[string]string{"org.mdrun.version": version, "org.mdrun.commit": commit}
			data, err := json.MarshalIndent(f, "", "    ")
			if err != nil {
				return err
			}
			return write(c, append(data, '\n'))
		},
	}
}
