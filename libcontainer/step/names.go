package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/inroot"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Domainname sets the NIS domain name of the container's UTS namespace
// (config.md "Domainname", setdomainname(2)).
type Domainname struct{ Name string }

// Fields passes it through the codec.
func (s *Domainname) Fields(c *Codec) { c.String(&s.Name) }
func (s *Domainname) String() string  { return "set the domain name to " + s.Name }

// Apply sets the name.
func (s *Domainname) Apply(*Env) error {
	if err := unix.Setdomainname([]byte(s.Name)); err != nil {
		return sys.Fail(err, "setdomainname", sys.Quote(s.Name))
	}
	return nil
}

// Sysctl sets a kernel parameter of the container's namespaces (config-linux.md
// "Sysctl").
type Sysctl struct {
	Name  string // as in config.json
	Path  string // below /proc/sys
	Value string
}

// Fields passes it through the codec.
func (s *Sysctl) Fields(c *Codec) { c.String(&s.Name); c.String(&s.Path); c.String(&s.Value) }
func (s *Sysctl) String() string  { return "set " + s.Name + " to " + s.Value }

// Apply writes it through procfs of the host's side: /proc/sys shows the values of
// the namespaces of whoever opens it.
func (s *Sysctl) Apply(env *Env) error {
	err := inroot.WriteProc(env.Proc, "sys/"+s.Path, s.Value)
	if err != nil && sys.Errno(err) == unix.ENOENT {
		return &Problem{Text: "the kernel has no sysctl " + s.Name + " (" + err.Error() + ")"}
	}
	return err
}
