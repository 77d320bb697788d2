package compile

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// world is what init does about itself before it looks at any file.
func (c *compiler) world() {
	if c.fresh(specs.CgroupNamespace) {
		c.add(c.namespaceField(specs.CgroupNamespace), &step.CgroupNamespace{})
	}
	c.add("", &step.Session{})
	if !c.facts.NoNewKeyring {
		c.add("", &step.Keyring{})
	}
	switch {
	case networkMeanwhile(c.namespaces, c.facts):
		c.add(c.namespaceField(specs.NetworkNamespace), &step.EnterNetwork{})
	case c.fresh(specs.NetworkNamespace):
		c.add(c.namespaceField(specs.NetworkNamespace), &step.Loopback{})
	}
}

// names: with a namespace by path they are set for all who share it.
func (c *compiler) names() {
	for _, n := range []struct{ field, name string }{{".hostname", c.spec.Hostname}, {".domainname", c.spec.Domainname}} {
		if n.name != "" && !c.own(specs.UTSNamespace) {
			c.fail(n.field, "it needs a uts namespace of the container's own: it would change the host", `Add {"type": "uts"} to .linux.namespaces.`)
		}
	}
	if c.spec.Hostname != "" {
		c.add(".hostname", &step.Hostname{Name: c.spec.Hostname})
	}
	if c.spec.Domainname != "" {
		c.add(".domainname", &step.Domainname{Name: c.spec.Domainname})
	}
}
