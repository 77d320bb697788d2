package spec

import (
	"path"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// hooks checks what can be known before one is executed (config.md "POSIX-platform
// Hooks"): whether its file is there is seen only then, since a hook may make another.
func (c *checker) hooks(h *specs.Hooks) {
	for _, kind := range []struct {
		name string
		list []specs.Hook
	}{
		{"prestart", h.Prestart}, {"createRuntime", h.CreateRuntime}, {"createContainer", h.CreateContainer},
		{"startContainer", h.StartContainer}, {"poststart", h.Poststart}, {"poststop", h.Poststop},
	} {
		for i := range kind.list {
			c.hook(index(".hooks."+kind.name, i), &kind.list[i])
		}
	}
}

func (c *checker) hook(field string, h *specs.Hook) {
	switch {
	case h.Path == "":
		c.problem(field+".path", "the path of the hook is missing", pathHint(field))
	case !path.IsAbs(h.Path):
		c.problem(field+".path", "the path "+strconv.Quote(h.Path)+" is not absolute", "A hook is not looked up in $PATH.")
	}
	// Refused of the program; a hook has always been given it (runc, crun).
	for i, kv := range h.Env {
		if !isVariable(kv) {
			c.warn(index(field+".env", i), "environment variable "+strconv.Quote(kv)+" is not NAME=VALUE: the hook is given it as it is")
		}
	}
	if h.Timeout != nil && *h.Timeout <= 0 {
		c.problem(field+".timeout", "the timeout "+strconv.Itoa(*h.Timeout)+" is not above zero", "It is in seconds; without one a hook may take as long as it likes.")
	}
}

// pathHint is what to do about a hook without a path.
func pathHint(field string) string {
	where := "on the host"
	if strings.HasPrefix(field, ".hooks.startContainer") {
		where = "in the container"
	}
	return "Give the absolute path of an executable file " + where + ", or take the hook out."
}
