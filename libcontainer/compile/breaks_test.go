package compile

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// The ways to break a law. Each gives nil where a plan lacks what it is about.

func place(p step.Plan, kind string) int {
	return slices.IndexFunc(p, func(e step.Entry) bool { return kindOf(e.Step) == kind })
}

// moved puts the first step of a kind in front of another, in plans that have both and
// those that are needed besides.
func moved(kind, where string, needs ...string) func(step.Plan) step.Plan {
	return func(p step.Plan) step.Plan {
		for _, need := range append(needs, kind, where) {
			if place(p, need) < 0 {
				return nil
			}
		}
		return lift(p, place(p, kind), place(p, where))
	}
}

// lift takes a step out and puts it in front of another.
func lift(p step.Plan, from, to int) step.Plan {
	e := p[from]
	p = slices.Delete(p, from, from+1)
	if from < to {
		to--
	}
	return slices.Insert(p, to, e)
}

func without(kind string) func(step.Plan) step.Plan {
	return func(p step.Plan) step.Plan {
		if i := place(p, kind); i >= 0 {
			return slices.Delete(p, i, i+1)
		}
		return nil
	}
}

func twice(kind string) func(step.Plan) step.Plan {
	return func(p step.Plan) step.Plan {
		i := place(p, kind)
		return slices.Insert(p, i, p[i])
	}
}

// swapped exchanges the first two steps of a list of the configuration.
func swapped(prefix string) func(step.Plan) step.Plan {
	return func(p step.Plan) step.Plan {
		var found []int
		for i, e := range p {
			if strings.HasPrefix(e.Field, prefix) && kindOf(e.Step) != "HoldSource" && (len(found) == 0 || p[found[0]].Field != e.Field) {
				found = append(found, i)
			}
		}
		if len(found) < 2 {
			return nil
		}
		p[found[0]], p[found[1]] = p[found[1]], p[found[0]]
		return p
	}
}

// Seccomp stands for a filter.
type Seccomp struct{}

func (*Seccomp) Apply(*step.Env) error { return nil }
func (*Seccomp) String() string        { return "load the filter" }
func (*Seccomp) Fields(*step.Codec)    {}

func earlySeccomp(p step.Plan) step.Plan {
	return slices.Insert(p, place(p, "WaitStart"), step.Entry{Step: &Seccomp{}})
}

func earlyStartHook(p step.Plan) step.Plan {
	for i, e := range p {
		if h, ok := e.Step.(*step.ContainerHook); ok && h.Started {
			return lift(p, i, place(p, "WaitStart"))
		}
	}
	return nil
}

func lateNamespace(p step.Plan) step.Plan {
	shown := slices.ContainsFunc(p, func(e step.Entry) bool {
		m, ok := e.Step.(*step.Mount)
		return ok && m.Type == "cgroup2"
	})
	if !shown {
		return nil
	}
	return moved("CgroupNamespace", "Execute")(p)
}

// earlyReadonly makes a mount read-only as soon as it is there.
func earlyReadonly(p step.Plan) step.Plan {
	for i, e := range p {
		first := slices.IndexFunc(p, func(o step.Entry) bool { return o.Field == e.Field })
		if kindOf(e.Step) == "Remount" && e.Field != "" && first < i && place(p, "DeviceLinks") > 0 {
			return lift(p, i, first+1)
		}
	}
	return nil
}

// mounting lets a plan with chroot(2) alone show a device of the host.
func mounting(p step.Plan) step.Plan {
	if place(p, "Chroot") < 0 || place(p, "Device") < 0 {
		return nil
	}
	p[place(p, "Device")].Step = &step.Device{Path: "/dev/x", Bind: true}
	return p
}

func lateFind(p step.Plan) step.Plan {
	hasLow := slices.ContainsFunc(p, func(e step.Entry) bool {
		r, ok := e.Step.(*step.Rlimit)
		return ok && low(r) && r.Resource != unix.RLIMIT_NOFILE
	})
	if !hasLow {
		return nil
	}
	return moved("FindProgram", "WaitStart")(p)
}

func misnamed(p step.Plan) step.Plan {
	for i := range p {
		if strings.HasSuffix(p[i].Field, "]") {
			p[i].Field = strings.TrimSuffix(p[i].Field, "]") + "99]"
			return p
		}
	}
	return nil
}
