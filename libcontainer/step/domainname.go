package step

import (
	"golang.org/x/sys/unix"

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
