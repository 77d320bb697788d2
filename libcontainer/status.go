package libcontainer

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/child"
)

// Status is where a container is in its life (runtime.md "State"). It is derived
// whenever it is asked for and stored nowhere, so it cannot be wrong after a crash.
type Status string

// The states of the specification, and paused, which it permits.
const (
	Creating Status = "creating" // create is at work
	Created  Status = "created"  // init waits for start
	Running  Status = "running"  // the program has been executed and has not ended
	Paused   Status = "paused"   // running, and its cgroup is frozen
	Stopped  Status = "stopped"  // init has ended, or create died
)

// status derives the state of a container:
//
//	no commit and the lock held: creating; no commit and the lock free: a create died
//	init gone, a zombie, or another process with its number: stopped
//	exec.fifo there and init still under its own name: created
//	cgroup frozen: paused; else running
//
// locked says that the caller itself holds the lock. Without it a create may go on
// between two looks: then what is on record may be older than its commit, and is read
// once more.
func (c *container) status(locked bool) Status {
	if c.dir.has(uncommit) {
		switch {
		case locked:
			return Stopped
		case !c.lockFree():
			return Creating
		case c.dir.has(uncommit):
			return Stopped
		}
		c.reload()
	} else if c.record.PID == 0 && !locked {
		c.reload()
	}
	p, ok := alive(c.record.PID, c.record.StartTime)
	if !ok {
		return Stopped
	}
	if p.Comm == child.Comm && c.dir.has(fifoFile) {
		return Created
	}
	if c.frozen() {
		return Paused
	}
	return Running
}

// reload reads the record once more. One that is gone by now was of a container that is,
// too.
func (c *container) reload() {
	if rec, err := loadRecord(c.dir); err == nil {
		c.record = rec
	}
}

// lockFree asks without waiting. A shared lock for a moment disturbs nobody: a verb
// that meets it waits.
func (c *container) lockFree() bool {
	if !c.dir.tryLock(unix.LOCK_SH) {
		return false
	}
	_ = unix.Flock(c.dir.fd(), unix.LOCK_UN)
	return true
}

func (c *container) frozen() bool {
	group, err := c.openCgroup()
	if err != nil {
		return false
	}
	defer group.Close()
	return group.Frozen()
}
