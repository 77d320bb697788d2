package compile

import (
	"strconv"

	"github.com/mdrun/mdrun/libcontainer/step"
)

func (c *compiler) readonly() {
	if c.spec.Linux == nil {
		return
	}
	for i, path := range c.spec.Linux.ReadonlyPaths {
		c.add(".linux.readonlyPaths["+strconv.Itoa(i)+"]", &step.ReadonlyPath{Path: path})
	}
}

func (c *compiler) masked() {
	if c.spec.Linux == nil {
		return
	}
	for i, path := range c.spec.Linux.MaskedPaths {
		c.add(".linux.maskedPaths["+strconv.Itoa(i)+"]", &step.MaskedPath{Path: path})
	}
}
