package compile

import (
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// CapabilityNames lists every capability that is known, for features.
func CapabilityNames() []string { return step.CapabilityNames[:] }

func capabilityNumber(name string) int {
	for i, n := range step.CapabilityNames {
		if n == name {
			return i
		}
	}
	return -1
}

// granted is what a container may have at most: all that the runtime has, or all
// there is in a user namespace of its own.
func (c *compiler) granted() uint64 {
	if c.own(specs.UserNamespace) {
		return uint64(1)<<(c.facts.LastCap+1) - 1
	}
	return c.facts.Permitted
}

// set compiles one of the five sets. What is unknown or cannot be given is a warning
// (config.md "process.capabilities").
func (c *compiler) set(name string, list []string) (bits uint64) {
	for i, capability := range list {
		field := ".process.capabilities." + name + "[" + strconv.Itoa(i) + "]"
		n := capabilityNumber(capability)
		switch {
		case n < 0 || n > c.facts.LastCap:
			c.warn(field, "unknown capability "+strconv.Quote(capability)+" is left out")
		case c.granted()&(1<<n) == 0:
			c.warn(field, capability+" is left out: the runtime itself does not have it")
		default:
			bits |= 1 << n
		}
	}
	return bits
}

// bounding comes before the user changes: it needs CAP_SETPCAP.
func (c *compiler) bounding(p *specs.Process) {
	if p.Capabilities == nil {
		return
	}
	field := ".process.capabilities"
	if len(p.Capabilities.Bounding) > 0 {
		field += ".bounding"
	}
	c.add(field, &step.Bounding{Keep: c.set("bounding", p.Capabilities.Bounding), Last: c.facts.LastCap})
}

// capabilities without the object keeps what the runtime has, as runc does.
func (c *compiler) capabilities(p *specs.Process) {
	if p.Capabilities == nil {
		all := c.granted()
		c.add("", &step.Capabilities{Bounding: all, Effective: all, Permitted: all, Last: c.facts.LastCap})
		return
	}
	s := &step.Capabilities{
		Bounding: c.set("bounding", p.Capabilities.Bounding), Effective: c.set("effective", p.Capabilities.Effective),
		Permitted: c.set("permitted", p.Capabilities.Permitted), Inheritable: c.set("inheritable", p.Capabilities.Inheritable),
		Ambient: c.set("ambient", p.Capabilities.Ambient), Last: c.facts.LastCap,
	}
	if lost := s.Effective &^ s.Permitted; lost != 0 {
		c.fail(".process.capabilities.effective", "capabilities that are not in the permitted set cannot be effective", "Add them to .process.capabilities.permitted.")
	}
	if lost := s.Ambient &^ (s.Permitted & s.Inheritable); lost != 0 {
		c.warn(".process.capabilities.ambient", "capabilities that are not permitted and inheritable cannot be ambient and are left out")
		s.Ambient &^= lost
	}
	c.add(".process.capabilities", s)
}
