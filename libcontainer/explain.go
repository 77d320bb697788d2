package libcontainer

import (
	"github.com/mdrun/mdrun/cgroupv2"
	"github.com/mdrun/mdrun/libcontainer/compile"
	"github.com/mdrun/mdrun/libcontainer/step"
	"github.com/mdrun/mdrun/spec"
)

// Explanation is what a container will be, in the order of events: what is made at
// its birth, the cgroup files that are written, and the plan that its init applies.
// Plan is the very value that create sends.
type Explanation struct {
	ID      string             // "" for a bundle
	Birth   []compile.Line     // namespaces and maps, made or entered by clone and setns
	Cgroup  []cgroupv2.Setting // files of the cgroup, in the order of writing
	Devices []string           // the rules of the device filter, in plain words
	Plan    step.Plan          // what init does
	// Poststart and Poststop are the hooks that start and delete run when they have done
	// the rest.
	Poststart, Poststop []compile.Line
}

// Explain compiles a bundle and touches nothing.
func (r *Runtime) Explain(o CreateOptions) (*Explanation, error) {
	d, err := r.compile("bundle", o, true)
	if err != nil {
		return nil, fail("explain", o.Bundle, err)
	}
	return d.explanation(""), nil
}

// ExplainID compiles what a container was created from: its configuration, the flags of
// create, and the root directory that was found then.
func (r *Runtime) ExplainID(id string) (*Explanation, error) {
	c, err := r.open(id)
	if err != nil {
		return nil, fail("explain", id, err)
	}
	defer c.close()
	raw, err := c.dir.read(configFile)
	if err != nil {
		return nil, fail("explain", id, err)
	}
	s, odd, err := spec.Decode(configFile, raw)
	if err != nil {
		return nil, fail("explain", id, err)
	}
	if c.record.Rootfs != "" {
		s.Root.Path = c.record.Rootfs
	}
	d, err := r.compileSpec(id, &spec.Bundle{Dir: c.record.Bundle, Spec: s, Raw: raw, Warnings: odd}, c.record.options(), true)
	if err != nil {
		return nil, fail("explain", id, err)
	}
	return d.explanation(id), nil
}

func (d *design) explanation(id string) *Explanation {
	e := &Explanation{ID: id, Birth: d.Birth.Lines(), Cgroup: d.Settings, Plan: d.Plan,
		Poststart: compile.HookLines(d.Bundle.Spec, compile.Poststart), Poststop: compile.HookLines(d.Bundle.Spec, compile.Poststop)}
	if d.hasDeviceFilter() {
		e.Devices = cgroupv2.DescribeDevices(d.deviceRules())
	}
	return e
}
