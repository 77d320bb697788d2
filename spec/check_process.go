package spec

import (
	"path"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func (c *checker) process(p *specs.Process) {
	switch {
	case p.Cwd == "":
		c.problem(".process.cwd", "the working directory is missing", `Give for example "/".`)
	case !path.IsAbs(p.Cwd):
		c.problem(".process.cwd", "the working directory "+strconv.Quote(p.Cwd)+" is not absolute", "It is a path in the container, so it begins with /.")
	}
	c.short(".process.cwd", p.Cwd)
	if len(p.Args) == 0 {
		c.problem(".process.args", "args must not be empty", `Give the command as a list, for example ["sh"].`)
	} else if p.Args[0] == "" {
		// The sentence is what clients know a missing program by (podman: 127).
		c.problem(".process.args[0]", `exec: "": executable file not found in $PATH`, "The name of the program is empty: give a path in the container, or a name that is looked up in PATH.")
	}
	for i, kv := range p.Env {
		if !isVariable(kv) {
			c.problem(index(".process.env", i), "invalid environment variable "+strconv.Quote(kv), "It is NAME=VALUE.")
		}
	}
	c.user(&p.User)
	c.rlimits(p.Rlimits)
	if p.OOMScoreAdj != nil && (*p.OOMScoreAdj < -1000 || *p.OOMScoreAdj > 1000) {
		c.problem(".process.oomScoreAdj", strconv.Itoa(*p.OOMScoreAdj)+" is not between -1000 and 1000", "1000 is killed first, -1000 never; see proc_pid_oom_score_adj(5).")
	}
}

// isVariable tells whether a string of an environment is NAME=VALUE (environ(7)).
func isVariable(s string) bool {
	name, _, ok := strings.Cut(s, "=")
	return ok && name != ""
}

// noID is the id that means "leave it" to the kernel (setresuid(2), chown(2)).
const (
	noID     = 1<<32 - 1
	leavesIt = `The kernel takes that number for "leave it as it is": give another.`
)

func (c *checker) user(u *specs.User) {
	if u.UID == noID {
		c.problem(".process.user.uid", "4294967295 is no user", leavesIt)
	}
	if u.GID == noID {
		c.problem(".process.user.gid", "4294967295 is no group", leavesIt)
	}
	if i := slices.Index(u.AdditionalGids, noID); i >= 0 {
		c.problem(index(".process.user.additionalGids", i), "4294967295 is no group", leavesIt)
	}
	if u.Umask != nil && *u.Umask > 0o777 {
		c.problem(".process.user.umask", "0"+strconv.FormatUint(uint64(*u.Umask), 8)+" is above 0777", "JSON has no octal numbers: 0022 is 18.")
	}
}

var rlimitTypes = []string{"RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_LOCKS", "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE",
	"RLIMIT_NICE", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_RSS", "RLIMIT_RTPRIO", "RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK"}

func (c *checker) rlimits(list []specs.POSIXRlimit) {
	for i, r := range list {
		field := index(".process.rlimits", i)
		switch {
		case !slices.Contains(rlimitTypes, r.Type):
			c.problem(field+".type", "invalid rlimit type "+strconv.Quote(r.Type), "See getrlimit(2): RLIMIT_NOFILE, for example.")
		case slices.ContainsFunc(list[:i], func(o specs.POSIXRlimit) bool { return o.Type == r.Type }):
			c.problem(field+".type", r.Type+" stands twice", "Leave one of the two out: which of them holds is nobody's guess.")
		case r.Soft > r.Hard:
			c.problem(field, r.Type+": the soft limit "+strconv.FormatUint(r.Soft, 10)+" is above the hard limit "+strconv.FormatUint(r.Hard, 10), "Lower .soft or raise .hard.")
		}
	}
}
