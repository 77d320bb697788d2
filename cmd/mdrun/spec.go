package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/mdrun/mdrun/spec"
)

func specCommand() *cli.Command {
	return &cli.Command{
		Name: "spec", Usage: "write a config.json to start from", ArgsUsage: " ",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}, Usage: "`DIR` to write it into (default: the working directory)"},
			&cli.BoolFlag{Name: "rootless", Usage: "one that you can run without being root"},
		},
		Action: func(c *cli.Context) error {
			if err := arguments(c, 0, 0); err != nil {
				return err
			}
			s := spec.Default()
			if c.Bool("rootless") {
				spec.Rootless(s, uint32(os.Geteuid()), uint32(os.Getegid()))
			}
			data, err := json.MarshalIndent(s, "", "\t")
			if err != nil {
				return err
			}
			return writeNew(filepath.Join(c.String("bundle"), spec.ConfigFile), append(data, '\n'))
		},
	}
}

// writeNew never overwrites: a configuration may be somebody's work.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return &advice{text: "spec: " + path + " exists already", hint: "Remove it first."}
	}
	if err != nil {
		return &advice{text: "spec: " + err.Error(), hint: "--bundle must be a directory that exists."}
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
