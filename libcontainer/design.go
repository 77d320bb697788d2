package libcontainer

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/cgroupv2"
	"github.com/mdrun/mdrun/libcontainer/compile"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/libcontainer/step"
	"github.com/mdrun/mdrun/spec"
)

// design is all that is decided about a container before anything is made.
type design struct {
	ID      string
	Options CreateOptions
	Bundle  *spec.Bundle
	Facts   compile.Facts
	Birth   birth
	Plan    step.Plan
	// Settings are the cgroup's files; Devices its device program.
	Settings []cgroupv2.Setting
	Devices  *cgroupv2.Program
	// Hierarchy, CgroupPath and Cgroup say where the cgroup will be; Cgroup is empty
	// for a container that has none.
	Hierarchy  *cgroupv2.Hierarchy
	CgroupPath cgroupv2.Path
	Cgroup     []cgroupv2.Made
}

// alter lets a test take a step out of every plan, to see that what explain prints
// is what runs.
var alter = func(p step.Plan) step.Plan { return p }

// design decides everything and makes nothing.
func (r *Runtime) design(id string, o CreateOptions, foreground bool) (*design, error) {
	if err := checkKernel(); err != nil {
		return nil, err
	}
	if err := spec.CheckID(id); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(filepath.Join(r.Root, id)); err == nil {
		return nil, ErrExists
	}
	if err := checkDescriptors(o.PreserveFDs); err != nil {
		return nil, err
	}
	if o.PidFile != "" {
		var err error
		if o.PidFile, err = filepath.Abs(o.PidFile); err != nil {
			return nil, err
		}
		if err := checkPidFile(o.PidFile); err != nil {
			return nil, err
		}
	}
	d, err := r.compile(id, o, false)
	if err != nil {
		return nil, err
	}
	return d, d.survey()
}

// program: run is of no use without one, and is told so before anything is made.
func (d *design) program() error {
	if !d.Options.toStart || d.Bundle.Spec.Process != nil {
		return nil
	}
	return &Error{Field: ".process", Err: errors.New("there is no process to run"),
		Hint: "Add .process to config.json, at least with args and cwd; without it a container can be created, but not started."}
}

// checkDescriptors makes sure that what is to be passed on is there.
func checkDescriptors(n int) error {
	if n < 0 {
		return &stateError{text: "there are no " + sys.Int(n) + " descriptors to preserve", hint: "--preserve-fds counts from 3 on: 0 or more."}
	}
	for fd := 3; fd < 3+n; fd++ {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			return &stateError{text: "there is no descriptor " + sys.Int(fd) + " to preserve", hint: "--preserve-fds counts from 3 without gaps."}
		}
	}
	return nil
}

// compile loads the bundle and turns it into a plan.
func (r *Runtime) compile(id string, o CreateOptions, explain bool) (*design, error) {
	bundle, err := o.load()
	if err != nil {
		return nil, err
	}
	return r.compileSpec(id, bundle, o, explain)
}

func (o *CreateOptions) load() (*spec.Bundle, error) {
	switch {
	case o.Loaded != nil:
		return o.Loaded, nil
	case o.Bundle != "":
		return spec.Load(o.Bundle)
	}
	return spec.Load(".")
}

// compileSpec tells what is odd: as warnings, or, of keys that may be the cause of an
// error, with the error.
func (r *Runtime) compileSpec(id string, bundle *spec.Bundle, o CreateOptions, explain bool) (*design, error) {
	d := &design{ID: id, Options: o, Bundle: bundle}
	warnings, err := d.decide(explain)
	if err != nil {
		return nil, misspelt(err, bundle.Warnings)
	}
	for _, w := range bundle.Warnings {
		text := w.Text
		if w.Hint != "" {
			text += ". " + w.Hint
		}
		r.warn(text, "config", w.Field)
	}
	for _, w := range warnings {
		r.warn(w.Text, "config", w.Field)
	}
	return d, nil
}

// decide makes the plan, and all that goes with it, of the configuration.
func (d *design) decide(explain bool) (warnings []compile.Warning, err error) {
	if err = d.program(); err != nil {
		return nil, err
	}
	if d.Settings, err = cgroupv2.Settings(d.resources()); err != nil {
		return nil, err
	}
	if d.Facts, err = lookUp(d, explain); err != nil {
		return nil, err
	}
	plan, warnings, err := compile.Container(d.Bundle.Spec, d.Facts)
	if err != nil {
		return nil, err
	}
	d.Plan = alter(plan)
	if d.Birth.Birth, err = compile.NewBirth(d.Bundle.Spec, d.Facts); err != nil {
		return nil, err
	}
	if !explain {
		if err = d.privileges(); err != nil {
			return nil, err
		}
	}
	if d.hasDeviceFilter() {
		program, err := cgroupv2.DeviceProgram(d.deviceRules())
		if err != nil {
			return nil, err
		}
		d.Devices = &program
	}
	return warnings, nil
}

// survey finds the place of the cgroup and what of it is there already.
func (d *design) survey() error {
	h, err := cgroupv2.Open()
	if err != nil {
		return err
	}
	d.Hierarchy = h
	path := ""
	if l := d.Bundle.Spec.Linux; l != nil {
		path = l.CgroupsPath
	}
	if d.CgroupPath, err = h.Locate(path, d.ID); err != nil {
		return err
	}
	d.Cgroup, err = h.Survey(d.CgroupPath)
	return atCgroupsPath(err)
}

// atCgroupsPath adds the field to a cgroup that is not fit to be a container's.
func atCgroupsPath(err error) error {
	var unfit *cgroupv2.HostError
	if errors.As(err, &unfit) && unfit.Controller == "" {
		return &Error{Field: ".linux.cgroupsPath", Err: err, Hint: unfit.Hint}
	}
	return err
}

func (d *design) resources() *specs.LinuxResources {
	if d.Bundle.Spec.Linux == nil {
		return nil
	}
	return d.Bundle.Spec.Linux.Resources
}

func (d *design) deviceRules() []specs.LinuxDeviceCgroup {
	if r := d.resources(); r != nil {
		return r.Devices
	}
	return nil
}

// hasDeviceFilter: every container has one, as with runc; without rules all devices
// but the default ones are denied.
func (d *design) hasDeviceFilter() bool { return true }

func (d *design) terminal() bool {
	return d.Bundle.Spec.Process != nil && d.Bundle.Spec.Process.Terminal
}

// fewPids is a limit that leaves no room for an init that starts: a Go program needs
// five threads to begin with, and a few more when the machine is busy.
const fewPids = 16

// splitLimits keeps back what init would not survive at birth. What comes late is
// written while init waits for the commit, with the threads that it has by then (step
// SpareThreads).
func splitLimits(all []cgroupv2.Setting) (first, late []cgroupv2.Setting) {
	for _, s := range all {
		if isFewPids(s) {
			late = append(late, s)
			continue
		}
		first = append(first, s)
	}
	return first, late
}

func isFewPids(s cgroupv2.Setting) bool {
	n, err := strconv.ParseUint(strings.TrimSpace(s.Value), 0, 64)
	return s.File == "pids.max" && err == nil && n < fewPids
}

// lookUp gathers what compiling has to know of the host.
func lookUp(d *design, explain bool) (compile.Facts, error) {
	f := compile.Facts{BundleDir: d.Bundle.Dir, NoPivot: d.Options.NoPivot, NoNewKeyring: d.Options.NoNewKeyring,
		PreserveFDs: d.Options.PreserveFDs}
	if _, late := splitLimits(d.Settings); len(late) > 0 {
		f.FewPids = late[0].Field
	}
	f.Rootfs = d.Bundle.Spec.Root.Path
	if !filepath.IsAbs(f.Rootfs) {
		f.Rootfs = filepath.Join(d.Bundle.Dir, f.Rootfs)
	}
	f.InUserNS = InUserNamespace()
	f.NoSetgroups = f.InUserNS && setgroupsDenied()
	f.Ours, f.Hosts = shared(d.Bundle.Spec, "self"), shared(d.Bundle.Spec, "1")
	if !explain && !mountsElsewhere(d.Bundle.Spec, f.Ours) {
		resolved, err := d.resolveRoot(f.Rootfs)
		if err != nil {
			return f, err
		}
		f.Rootfs = resolved
	}
	if d.Bundle.Spec.Hooks != nil {
		f.Creating = stateText(d.ID, d.Bundle.Dir, d.Bundle.Spec.Annotations, Creating)
		f.Created = stateText(d.ID, d.Bundle.Dir, d.Bundle.Spec.Annotations, Created)
	}
	var err error
	f.LastCap, f.Permitted, err = capabilities()
	return f, err
}

// resolveRoot follows links on the way to the root directory, which is the host's.
func (d *design) resolveRoot(path string) (string, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if err == nil {
		var st os.FileInfo
		if st, err = os.Stat(resolved); err == nil && !st.IsDir() {
			err = &os.PathError{Op: "open", Path: resolved, Err: unix.ENOTDIR}
		}
	}
	if err != nil {
		hint := "The path must be that of a directory with a root filesystem."
		if given := d.Bundle.Spec.Root.Path; !filepath.IsAbs(given) {
			hint = strconv.Quote(given) + " counts from the bundle, " + d.Bundle.Dir + "."
		}
		return "", &Error{Field: ".root.path", Err: wrapped{"invalid rootfs: ", err}, Hint: hint}
	}
	if resolved == "/" {
		return "", &Error{Field: ".root.path", Err: errors.New("the root of the host cannot be a container's root"),
			Hint: "Give the directory of a root filesystem."}
	}
	return resolved, nil
}

// capabilities gives the number of the kernel's last capability, and what this
// process may use (capget(2)).
func capabilities() (last int, permitted uint64, err error) {
	// The bounding set knows every capability of the kernel, and no more (prctl(2)
	// PR_CAPBSET_READ: EINVAL). The last one of Linux 5.14 is where the search begins.
	for last = unix.CAP_CHECKPOINT_RESTORE; last < 63; last++ {
		if _, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(last+1), 0, 0, 0); err != nil {
			break
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, 0, sys.Fail(err, "capget")
	}
	return last, uint64(data[1].Permitted)<<32 | uint64(data[0].Permitted), nil
}
