package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Hostname sets the host name of the container's UTS namespace
// (config.md "Hostname", sethostname(2)).
type Hostname struct{ Name string }

// Fields passes it through the codec.
func (s *Hostname) Fields(c *Codec) { c.String(&s.Name) }

func (s *Hostname) String() string { return "set the host name to " + s.Name }

// Apply sets the name.
func (s *Hostname) Apply(*Env) error {
	if err := unix.Sethostname([]byte(s.Name)); err != nil {
		return sys.Fail(err, "sethostname", sys.Quote(s.Name))
	}
	return nil
}
