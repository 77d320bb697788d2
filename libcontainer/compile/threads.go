package compile

import (
	"strconv"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// spareThreads is how many threads init has in reserve; see step.SpareThreads.
const spareThreads = 6

// threads makes room for a limit that comes in force before execve and forbids init a
// new thread: few pids in the cgroup, or few processes of the user. RLIMIT_NPROC counts
// what the user runs anywhere (getrlimit(2)), so no number is safe; engines that mean
// "many" give thousands.
func (c *compiler) threads() {
	field := c.facts.FewPids
	if p := c.spec.Process; field == "" && p != nil {
		for i, r := range p.Rlimits {
			if r.Type == "RLIMIT_NPROC" && r.Soft < 4096 {
				field = ".process.rlimits[" + strconv.Itoa(i) + "]"
			}
		}
	}
	if field != "" {
		c.add(field, &step.SpareThreads{Count: spareThreads})
	}
}
