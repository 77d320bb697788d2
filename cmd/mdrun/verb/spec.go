package verb

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mdrun/mdrun/spec"
)

var specVerb = Verb{
	Name: "spec", Usage: "write a config.json to start from, or print that of a container which flags describe",
	Args: "[--rootfs DIR ... -- COMMAND...]", Tail: true,
	flags: func() []Flag {
		return append([]Flag{
			{Name: "bundle", Short: "b", Value: "DIR", Usage: "directory to write it into, by default the working directory"},
			{Name: "rootless", Usage: "one that you can run without being root"},
		}, shellFlags...)
	},
	Run: func(c *Call) error {
		shell, err := c.shell()
		switch {
		case err != nil:
			return err
		case shell:
			return c.specOfFlags()
		}
		s := spec.Default()
		if c.on("rootless") {
			spec.Rootless(s, uint32(os.Geteuid()), uint32(os.Getegid()))
		}
		return writeNew(filepath.Join(c.text("bundle"), spec.ConfigFile), spec.Encode(s))
	},
}

// specOfFlags prints the very text that run would use.
func (c *Call) specOfFlags() error {
	if c.on("rootless") {
		return c.wrong("--rootless and --rootfs contradict each other", "`mdrun spec --rootless` by itself writes a config.json that can be edited.")
	}
	b, err := c.bundleOfFlags()
	if err != nil {
		return err
	}
	if c.given("bundle") {
		return writeNew(filepath.Join(c.text("bundle"), spec.ConfigFile), b.Raw)
	}
	return print(b.Raw)
}

// writeNew never overwrites: a configuration may be somebody's work.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return &Advice{Text: "spec: " + path + " exists already", Hint: "Remove it first."}
	}
	if err != nil {
		return &Advice{Text: "spec: " + err.Error(), Hint: "--bundle must be a directory that exists."}
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
