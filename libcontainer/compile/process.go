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
var rlimitNumbers = values{
	{"RLIMIT_CPU", unix.RLIMIT_CPU}, {"RLIMIT_FSIZE", unix.RLIMIT_FSIZE}, {"RLIMIT_DATA", unix.RLIMIT_DATA}, {"RLIMIT_STACK", unix.RLIMIT_STACK},
	{"RLIMIT_CORE", unix.RLIMIT_CORE}, {"RLIMIT_RSS", unix.RLIMIT_RSS}, {"RLIMIT_NPROC", unix.RLIMIT_NPROC}, {"RLIMIT_NOFILE", unix.RLIMIT_NOFILE},
	{"RLIMIT_MEMLOCK", unix.RLIMIT_MEMLOCK}, {"RLIMIT_AS", unix.RLIMIT_AS}, {"RLIMIT_LOCKS", unix.RLIMIT_LOCKS}, {"RLIMIT_SIGPENDING", unix.RLIMIT_SIGPENDING},
	{"RLIMIT_MSGQUEUE", unix.RLIMIT_MSGQUEUE}, {"RLIMIT_NICE", unix.RLIMIT_NICE}, {"RLIMIT_RTPRIO", unix.RLIMIT_RTPRIO}, {"RLIMIT_RTTIME", unix.RLIMIT_RTTIME},
}

// hindering limits would keep init itself from its work.
var hindering = []string{"RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_STACK"}

// limitTime is when a limit is set.
type limitTime int

const (
	whilePrivileged limitTime = iota // raising a hard limit needs CAP_SYS_RESOURCE: before the user changes
	beforeWaiting                    // it would hinder init: once nothing is left to do but to wait
	whenStarted                      // it would keep init from opening exec.fifo: when start has been answered
)

func (c *compiler) rlimits(p *specs.Process, now limitTime) {
	for i, r := range p.Rlimits {
		field := ".process.rlimits[" + strconv.Itoa(i) + "]"
		number, ok := rlimitNumbers.of(r.Type)
		if !ok {
			c.fail(field+".type", "unknown rlimit "+strconv.Quote(r.Type), "See getrlimit(2) for the names, such as RLIMIT_NOFILE.")
			return
		}
		when := timeOf(r)
		if when == now && now == whenStarted {
			c.add("", &step.AnswerStart{}) // there is one such limit at most
		}
		switch {
		case when == now:
			c.add(field, &step.Rlimit{Name: r.Type, Resource: int(number), Soft: r.Soft, Hard: r.Hard})
		case now == whilePrivileged:
			c.add(field, &step.Rlimit{Name: r.Type, Resource: int(number), Hard: r.Hard, Room: true})
		}
	}
}

func timeOf(r specs.POSIXRlimit) limitTime {
	switch {
	case !hinders(r.Type, r.Soft):
		return whilePrivileged
	case r.Type == "RLIMIT_NOFILE":
		return whenStarted
	}
	return beforeWaiting
}

// hinders: only a limit that is low enough does.
func hinders(name string, n uint64) bool {
	const plenty, files = 1 << 32, 64
	if name == "RLIMIT_NOFILE" {
		return n < files
	}
	return n < plenty && slices.Contains(hindering, name)
}

func (c *compiler) user(p *specs.Process) {
	// A namespace by path has its maker's decision.
	ns, has := c.namespaces[specs.UserNamespace]
	u, keep := &p.User, c.facts.NoSetgroups && !has || has && ns.Path == "" && !c.facts.maySetgroups()
	if keep && len(u.AdditionalGids) > 0 {
		c.fail(".process.user.additionalGids", "groups cannot be set in a user namespace that is not made by root: the kernel denies setgroups(2) there",
			"Leave them out: the program keeps the groups of the caller.")
		return
	}
	c.add(".process.user", &step.User{UID: u.UID, GID: u.GID, Groups: u.AdditionalGids, NoSetgroups: keep})
}

// maySetgroups: without CAP_SETGID a map of groups is taken only where setgroups(2) has
// been denied, and where it is denied it is so in all namespaces below (user_namespaces(7)).
func (f *Facts) maySetgroups() bool { return !f.NoSetgroups && f.Permitted&(1<<unix.CAP_SETGID) != 0 }

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
