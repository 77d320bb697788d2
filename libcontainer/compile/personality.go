package compile

import (
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// personas are the execution domains of config-linux.md "Personality" (personality(2)).
var personas = values{{string(specs.PerLinux), 0}, {string(specs.PerLinux32), 8}}

// personality comes before a seccomp filter, which may forbid to change it.
func (c *compiler) personality() {
	if c.spec.Linux == nil || c.spec.Linux.Personality == nil {
		return
	}
	p := c.spec.Linux.Personality
	persona, ok := personas.of(string(p.Domain))
	if !ok {
		c.fail(".linux.personality.domain", "unknown domain "+strconv.Quote(string(p.Domain)), "Use LINUX or LINUX32.")
		return
	}
	c.add(".linux.personality", &step.Personality{Name: string(p.Domain), Persona: uint32(persona)})
}
