package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Personality sets the execution domain of the program (config-linux.md "Personality",
// personality(2)).
type Personality struct {
	Name    string // as in config.json
	Persona uint32 // PER_*
}

// Fields passes it through the codec.
func (s *Personality) Fields(c *Codec) { c.String(&s.Name); c.Uint32(&s.Persona) }
func (s *Personality) String() string  { return "set the personality to " + s.Name }

// Apply sets that of this thread, which executes the program.
func (s *Personality) Apply(*Env) error {
	if _, _, errno := unix.Syscall(unix.SYS_PERSONALITY, uintptr(s.Persona), 0, 0); errno != 0 {
		return &Problem{Text: sys.Fail(errno, "personality", s.Name).Error(), Hint: "The processor or the kernel cannot run programs of this kind."}
	}
	return nil
}
