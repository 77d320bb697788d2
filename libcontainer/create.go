package libcontainer

import (
	"errors"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/cgroupv2"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/libcontainer/internal/wire"
	"github.com/mdrun/mdrun/libcontainer/spawn"
	"github.com/mdrun/mdrun/libcontainer/step"
	"github.com/mdrun/mdrun/spec"
)

// CreateOptions are the flags of create.
type CreateOptions struct {
	// Bundle is the directory of config.json; "" is the working directory.
	Bundle string
	// Loaded is a bundle that is in no directory; Bundle is not read then.
	Loaded *spec.Bundle
	// PidFile is where init's pid in the runtime's pid namespace is written, in
	// decimal without a newline; "" for nowhere.
	PidFile string
	// ConsoleSocket is the path of a listening AF_UNIX socket that is sent the
	// master of the container's terminal.
	ConsoleSocket string
	// PreserveFDs is how many descriptors from 3 on the program keeps.
	PreserveFDs int
	// NoPivot uses MS_MOVE and chroot(2) instead of pivot_root(2).
	NoPivot bool
	// NoNewKeyring leaves the program in the caller's session keyring.
	NoNewKeyring bool
	// toStart: the container is made to be started at once, and must have a program.
	toStart bool
}

// Create makes the container ready to start: its init waits, everything is set up,
// and the pid file is complete when Create returns. On an error nothing is left.
func (r *Runtime) Create(id string, o CreateOptions) error {
	c, err := r.create(id, o, nil)
	if err != nil {
		return fail("create", id, err)
	}
	c.close()
	return nil
}

// creation is a container in the making.
type creation struct {
	*design
	runtime *Runtime
	dir     *stateDir
	record  *record
	undo    undo
	cgroup  *cgroupv2.Cgroup
	child   *spawn.Child
	console consoleSink
	network int                // a descriptor of the network namespace that the child is to enter, or -1
	late    []cgroupv2.Setting // limits that init itself would not survive at birth
	idMaps  idMaps
	outside bool // it is born beside us and moved into the cgroup, see tryOutside
	thp     bool // transparent huge pages are to come back for the program
}

func (c *creation) close() {
	if c.cgroup != nil {
		c.cgroup.Close()
	}
	c.child.Close()
	c.dir.close()
}

// create is the order of events on the host's side. Each line may fail; what was
// made until then is taken back.
func (r *Runtime) create(id string, o CreateOptions, terminal consoleSink) (_ *creation, err error) {
	c := &creation{runtime: r}
	defer func() {
		if err != nil {
			c.undo.back()
		}
	}()
	if c.design, err = r.design(id, o, terminal != nil); err != nil {
		return nil, err
	}
	if c.console, err = connectConsole(c.design, terminal); err != nil {
		return nil, err
	}
	if err = c.perform(act{"reserve the id", c.reserve}, act{"make the cgroup", c.makeCgroup}); err != nil {
		return nil, err
	}
	if err = c.bringUp(); err != nil {
		return nil, err
	}
	if err = c.perform(act{"write the last limits", c.finishLimits}, act{"write the pid file", c.writePidFile}, act{"commit", c.commit}); err != nil {
		return nil, err
	}
	c.undo.keep()
	return c, nil
}

// reserve takes the id and writes down what is about to exist.
func (c *creation) reserve() error {
	if _, err := c.runtime.finishRetired(c.ID); err != nil {
		return err
	}
	c.record = newRecord(c.design)
	dir, err := reserve(c.runtime.Root, c.ID, func(d *stateDir) error {
		if err := c.record.save(d); err != nil {
			return err
		}
		if err := c.record.linkCgroup(d); err != nil {
			return err
		}
		if err := d.write(configFile, c.Bundle.Raw); err != nil {
			return err
		}
		uid, gid := c.Birth.hostOwner(c.Bundle.Spec)
		return makeFifo(d, uid, gid)
	})
	if err != nil {
		return err
	}
	c.dir = dir
	c.undo.push(func() { _ = c.held(true).bury() })
	return nil
}

// makeFifo makes the FIFO that init will wait on. It belongs to the user that the
// program will be, because init opens it after it has become that user, and to
// nobody else.
func makeFifo(d *stateDir, uid, gid int) error {
	if err := unix.Mknodat(d.fd(), uncommit, unix.S_IFIFO|0o600, 0); err != nil {
		return sys.Fail(err, "mkfifoat", sys.Quote(uncommit), "0600")
	}
	if uid == unix.Geteuid() && gid == unix.Getegid() {
		return nil
	}
	if err := unix.Fchownat(d.fd(), uncommit, uid, gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return sys.Fail(err, "fchownat", sys.Quote(uncommit), sys.Int(uid), sys.Int(gid))
	}
	return nil
}

// makeCgroup makes the cgroup with the limits that hold from birth on.
func (c *creation) makeCgroup() error {
	if c.Cgroup == nil {
		return nil
	}
	controllers := cgroupv2.ControllersFor(c.Settings)
	group, err := c.Hierarchy.Create(c.CgroupPath, c.Cgroup, controllers, c.record.name())
	for tries := 0; cgroupv2.Vanished(err) && tries < mostSurveys; tries++ {
		if err = c.surveyAgain(); err == nil {
			group, err = c.Hierarchy.Create(c.CgroupPath, c.Cgroup, controllers, c.record.name())
		}
	}
	if err != nil {
		return c.missingController(atCgroupsPath(err))
	}
	c.undo.push(func() { _ = c.Hierarchy.Delete(c.Cgroup, c.record.name(), group); group.Close() })
	c.cgroup = group
	var first []cgroupv2.Setting
	first, c.late = splitLimits(c.Settings)
	return group.Apply(first)
}

// mostSurveys is how often a parent of the cgroup may vanish before create gives up.
const mostSurveys = 10

// surveyAgain puts on record that what was there is to be made now.
func (c *creation) surveyAgain() (err error) {
	if c.Cgroup, err = c.Hierarchy.Survey(c.CgroupPath); err != nil {
		return err
	}
	c.record.Cgroup = c.Cgroup
	if err := c.record.save(c.dir); err != nil {
		return err
	}
	_ = unix.Unlinkat(c.dir.fd(), cgroupLink, 0) // the record is whole meanwhile
	return c.record.linkCgroup(c.dir)
}

// missingController adds the field that needs the controller.
func (c *creation) missingController(err error) error {
	var host *cgroupv2.HostError
	var call *cgroupv2.CallError
	controller, hint := "", ""
	switch {
	case errors.As(err, &host):
		controller, hint = host.Controller, host.Hint
	case errors.As(err, &call):
		controller, hint = call.Controller, call.Hint
	}
	if field := c.memoryField(); controller == "memory" && field != "" {
		return &Error{Field: field, Err: err, Hint: hint} // not what is derived from it
	}
	for _, s := range c.Settings {
		if controller != "" && strings.HasPrefix(s.File, controller+".") {
			return &Error{Field: s.Field, Err: err, Hint: hint}
		}
	}
	return err
}

// spawn makes the child, which waits for the plan before it does anything.
func (c *creation) spawn() error {
	exe, tree, err := spawn.Executable(c.Birth.joins(specs.UserNamespace))
	if err != nil {
		return err
	}
	defer unix.Close(exe)
	if c.Birth.joins(specs.PIDNamespace) {
		unix.Close(tree)
	} else {
		defer unix.Close(tree)
	}
	proc, err := openProc()
	if err != nil {
		return err
	}
	defer unix.Close(proc)
	fifo, err := unix.Openat(c.dir.fd(), uncommit, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return sys.Fail(err, "openat", sys.Quote(uncommit), "O_PATH")
	}
	defer unix.Close(fifo)
	config, done, err := c.Birth.config()
	if err != nil {
		return err
	}
	defer done()
	config.Exe, config.Proc, config.Fifo, config.Preserve = exe, proc, fifo, c.Options.PreserveFDs
	config.Cgroup = -1
	if c.cgroup != nil && !c.outside {
		config.Cgroup = c.cgroup.FD()
	}
	c.thp = hidePages() || c.thp
	config.RestoreTHP = c.thp
	if !c.outside {
		c.undo.push(c.killChild)
	}
	c.child, err = spawn.Start(config)
	if config.RestoreTHP && c.Bundle.Spec.Hooks != nil {
		_ = unix.Prctl(unix.PR_SET_THP_DISABLE, 0, 0, 0, 0) // hooks would inherit it
	}
	if err != nil || !c.outside {
		return err
	}
	return c.cgroup.Move(c.child.PID)
}

// killChild ends whatever was born, and waits for it: the cgroup can only be
// removed when it is empty.
func (c *creation) killChild() {
	if c.cgroup != nil {
		_ = killHeld(c.cgroup)
	}
	if c.child == nil {
		return
	}
	_ = unix.PidfdSendSignal(c.child.PidFD, unix.SIGKILL, nil, 0)
	var status unix.WaitStatus
	_ = sys.Retry(func() error { _, err := unix.Wait4(c.child.PID, &status, 0, nil); return err })
	if c.cgroup != nil {
		_ = awaitEmpty(c.cgroup)
	}
	c.child.Close()
}

// recordChild writes down which process init is.
func (c *creation) recordChild() error {
	p, ok := readProcess(c.child.PID)
	if !ok || p.dead() {
		return wire.ErrClosed
	}
	c.record.PID, c.record.StartTime = c.child.PID, p.Start
	return c.record.save(c.dir)
}

// makeNetwork makes the network namespace while init still starts up.
func (c *creation) makeNetwork() (err error) {
	c.network = -1
	if c.Birth.Network == "" {
		return nil
	}
	if c.network, err = spawn.NewNetwork(); err != nil {
		return &spawn.JoinError{Field: c.Birth.Network, Err: err}
	}
	return nil
}

func (c *creation) sendPlan() error {
	if c.network >= 0 {
		defer unix.Close(c.network)
	}
	plan, err := c.Plan.Encode()
	if err != nil {
		return err
	}
	return c.child.Conn.Send(wire.Plan, plan, c.network)
}

// converse answers the child until everything is set up.
func (c *creation) converse() error {
	defer c.idMaps.close()
	for {
		kind, body, fd, err := c.child.Conn.Receive()
		if err != nil {
			return err
		}
		if err := c.hookEnded(); err != nil {
			return err
		}
		switch kind {
		case wire.Ready:
			return nil
		case wire.Failure:
			return step.DecodeFailure(body)
		case wire.Console:
			err := c.console.take(fd)
			if err != nil {
				return err
			}
		case wire.Open:
			if err := c.openForChild(string(body)); err != nil {
				return err
			}
		case wire.Pause:
			if err := c.answer(string(body)); err != nil {
				return err
			}
		case wire.MapIDs:
			if err := c.mapIDs(string(body), fd); err != nil {
				return err
			}
		case wire.OOMScore:
			if err := c.scoreChild(); err != nil {
				return err
			}
		case wire.Room:
			if err := c.makeRoom(string(body)); err != nil {
				return err
			}
		default:
			return errors.New("the child sent a message that has no place here")
		}
	}
}

// finishLimits writes the limits that leave no room for a starting init.
func (c *creation) finishLimits() error {
	if c.cgroup == nil || len(c.late) == 0 {
		return nil
	}
	return c.cgroup.Apply(c.late)
}

func (c *creation) writePidFile() error {
	if c.Options.PidFile == "" {
		return nil
	}
	if err := writePidFile(c.record.PidFile, c.child.PID); err != nil {
		return err
	}
	c.undo.push(func() { removePidFile(c.record.PidFile, c.child.PID) })
	return nil
}

// commit is the moment from which the container is created: the FIFO appears under
// the name that start looks for, and init may wait on it.
func (c *creation) commit() error {
	if err := unix.Renameat(c.dir.fd(), uncommit, c.dir.fd(), fifoFile); err != nil {
		return sys.Fail(err, "renameat", sys.Quote(uncommit), sys.Quote(fifoFile))
	}
	return c.child.Conn.Send(wire.GoOn, nil, -1)
}
