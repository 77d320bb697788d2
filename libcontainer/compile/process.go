package compile

import (
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
)

func (c *compiler) umask(p *specs.Process) {
	if p.User.Umask == nil {
		c.add("", &step.Umask{Mask: 0o022})
		return
	}
	c.add(".process.user.umask", &step.Umask{Mask: *p.User.Umask})
}

// environment gives each variable once, with the last of its values, and asks for
// HOME where there is none.
func (c *compiler) environment(p *specs.Process) {
	last := map[string]int{}
	for i, kv := range p.Env {
		name, _, _ := strings.Cut(kv, "=")
		last[name] = i
	}
	s := &step.Environment{Args: p.Args, UID: p.User.UID, Home: true}
	for i, kv := range p.Env {
		name, value, _ := strings.Cut(kv, "=")
		if last[name] != i || name == "HOME" && value == "" {
			continue
		}
		if name == "HOME" {
			s.Home = false
		}
		s.Env = append(s.Env, kv)
	}
	field := ".process.env"
	if len(p.Env) == 0 {
		field = ".process.args"
	}
	c.add(field, s)
}

func (c *compiler) cwd(p *specs.Process) { c.add(".process.cwd", &step.Cwd{Path: p.Cwd}) }

func (c *compiler) cwdAsUser(p *specs.Process) {
	c.add(".process.cwd", &step.Cwd{Path: p.Cwd, AsUser: true})
}

func (c *compiler) takeConsole(p *specs.Process) {
	if p.Terminal {
		c.add(".process.terminal", &step.TakeConsole{})
	}
}

func (c *compiler) ownStdio(p *specs.Process) {
	c.add(".process.user", &step.OwnStdio{UID: p.User.UID})
}

func (c *compiler) oomScore(p *specs.Process) {
	if p.OOMScoreAdj != nil {
		c.add(".process.oomScoreAdj", &step.OOMScore{Value: *p.OOMScoreAdj})
	}
}

// rlimitNumbers are the resources of getrlimit(2).
var rlimitNumbers = map[string]int{
	"RLIMIT_CPU": unix.RLIMIT_CPU, "RLIMIT_FSIZE": unix.RLIMIT_FSIZE, "RLIMIT_DATA": unix.RLIMIT_DATA, "RLIMIT_STACK": unix.RLIMIT_STACK,
	"RLIMIT_CORE": unix.RLIMIT_CORE, "RLIMIT_RSS": unix.RLIMIT_RSS, "RLIMIT_NPROC": unix.RLIMIT_NPROC, "RLIMIT_NOFILE": unix.RLIMIT_NOFILE,
	"RLIMIT_MEMLOCK": unix.RLIMIT_MEMLOCK, "RLIMIT_AS": unix.RLIMIT_AS, "RLIMIT_LOCKS": unix.RLIMIT_LOCKS, "RLIMIT_SIGPENDING": unix.RLIMIT_SIGPENDING,
	"RLIMIT_MSGQUEUE": unix.RLIMIT_MSGQUEUE, "RLIMIT_NICE": unix.RLIMIT_NICE, "RLIMIT_RTPRIO": unix.RLIMIT_RTPRIO, "RLIMIT_RTTIME": unix.RLIMIT_RTTIME,
}

// hindering limits would keep init itself from its work, so they come last; raising
// any hard limit needs CAP_SYS_RESOURCE, so the others come before the user changes.
var hindering = []string{"RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_STACK"}

func (c *compiler) rlimits(p *specs.Process, last bool) {
	for i, r := range p.Rlimits {
		field := ".process.rlimits[" + strconv.Itoa(i) + "]"
		number, ok := rlimitNumbers[r.Type]
		if !ok {
			c.fail(field+".type", "unknown rlimit "+strconv.Quote(r.Type), "")
			return
		}
		if late := c.lateLimit(r); late == last {
			c.add(field, &step.Rlimit{Name: r.Type, Resource: number, Soft: r.Soft, Hard: r.Hard})
		}
	}
}

// lateLimit: only a limit that is low enough to hinder has to wait.
func (c *compiler) lateLimit(r specs.POSIXRlimit) bool {
	if !slices.Contains(hindering, r.Type) {
		return false
	}
	const plenty = 1 << 32
	return r.Soft < plenty && r.Type != "RLIMIT_NOFILE" || r.Soft < 64
}

func (c *compiler) user(p *specs.Process) {
	u := &p.User
	c.add(".process.user", &step.User{UID: u.UID, GID: u.GID, Groups: u.AdditionalGids})
}

func (c *compiler) noNewPrivileges(p *specs.Process) {
	if p.NoNewPrivileges {
		c.add(".process.noNewPrivileges", &step.NoNewPrivileges{})
	}
}

func (c *compiler) findProgram(p *specs.Process) {
	if len(p.Args) == 0 {
		return // no process: create succeeds, and start refuses
	}
	path := ""
	for _, kv := range p.Env {
		if name, value, _ := strings.Cut(kv, "="); name == "PATH" {
			path = value
		}
	}
	c.add(".process.args[0]", &step.FindProgram{Name: p.Args[0], Path: path})
}

func (c *compiler) closeFiles() {
	c.add("", &step.CloseFiles{First: 3 + c.facts.PreserveFDs})
	c.add("", &step.ResetSignals{})
}
