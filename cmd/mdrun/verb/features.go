package verb

import (
	"encoding/json"

	"github.com/mdrun/mdrun/libcontainer"
)

// Version and Commit are those of the program; the Makefile sets them.
var Version, Commit = "unknown", ""

var features = Verb{
	Name: "features", Usage: "print what is supported, as JSON",
	Run: func(c *Call) error {
		f := libcontainer.Features()
		f.Annotations = map[string]string{"org.mdrun.version": Version, "org.mdrun.commit": Commit}
		data, err := json.MarshalIndent(f, "", "    ")
		if err != nil {
			return err
		}
		return print(append(data, '\n'))
	},
}
