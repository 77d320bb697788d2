package verb

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mdrun/mdrun/spec"
)

var specVerb = Verb{
	Name: "spec", Usage: "write a config.json to start from",
	Flags: []Flag{
		{Name: "bundle", Short: "b", Value: "DIR", Usage: "directory to write it into, by default the working directory"},
		{Name: "rootless", Usage: "one that you can run without being root"},
	},
	Run: func(c *Call) error {
		s := spec.Default()
		if c.on("rootless") {
			spec.Rootless(s, uint32(os.Geteuid()), uint32(os.Getegid()))
		}
		data, err := json.MarshalIndent(s, "", "\t")
		if err != nil {
			return err
		}
		return writeNew(filepath.Join(c.text("bundle"), spec.ConfigFile), append(data, '\n'))
	},
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
