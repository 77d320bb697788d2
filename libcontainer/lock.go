package libcontainer

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/monitor"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// lockWait is how long a verb waits for another one on the same container.
const lockWait = 10 * time.Second

// meanwhileEvery is how often such a verb may do something while it waits.
const meanwhileEvery = 20 * time.Millisecond

// lockState opens and locks. While it has to wait for another verb it calls meanwhile,
// if there is one, again and again.
func lockState(root, id, verb string, meanwhile func(*stateDir)) (*stateDir, error) {
	for {
		d, err := openState(root, id)
		if err != nil {
			return nil, err
		}
		if err := d.lock(meanwhile); err != nil {
			d.close()
			return nil, err
		}
		if d.current() {
			return d, nil
		}
		d.close() // deleted, or deleted and made anew, while we waited
	}
}

// tryLock takes the lock if it is free.
func (d *stateDir) tryLock(how int) bool {
	return sys.Retry(func() error { return unix.Flock(d.fd(), how|unix.LOCK_NB) }) == nil
}

// lock waits for at most lockWait and then names who holds it.
func (d *stateDir) lock(meanwhile func(*stateDir)) error {
	if d.lockWithin(lockWait, meanwhile) {
		return nil
	}
	return d.held()
}

// lockWithin waits for at most so long.
func (d *stateDir) lockWithin(wait time.Duration, meanwhile func(*stateDir)) bool {
	if d.tryLock(unix.LOCK_EX) {
		return true
	}
	monitor.Rouse()
	locked := make(chan error, 1)
	fd := d.fd()
	go func() { locked <- sys.Retry(func() error { return unix.Flock(fd, unix.LOCK_EX) }) }()
	late, again := time.After(wait), time.NewTicker(meanwhileEvery)
	defer again.Stop()
	for {
		select {
		case err := <-locked:
			return err == nil
		case <-late:
			return false
		case <-again.C:
			if meanwhile != nil {
				meanwhile(d)
			}
		}
	}
}

// held is the answer to who could not have the lock.
func (d *stateDir) held() error {
	text := "another command has held this container for " + lockWait.String() + ": " + d.holder()
	if rec, err := loadRecord(d); err == nil && rec.Hook.Field != "" {
		text += ", which waits for " + rec.Hook.Field
		if rec.Hook.PID != 0 {
			text += " (process " + sys.Int(rec.Hook.PID) + ")"
		}
	}
	return &stateError{text: text, hint: "Wait for it, end it, or use delete --force, which kills the container first."}
}

// current tells whether the directory is still the one that has the name.
func (d *stateDir) current() bool { return sameFile(d.fd(), d.path()) }

func sameFile(fd int, path string) bool {
	var held, named unix.Stat_t
	return unix.Fstat(fd, &held) == nil && unix.Lstat(path, &named) == nil && held.Dev == named.Dev && held.Ino == named.Ino
}

// holder names the process that has the lock, from /proc/locks (proc_locks(5)),
// which is read only now.
func (d *stateDir) holder() string {
	var st unix.Stat_t
	locks, err := os.ReadFile("/proc/locks")
	if err != nil || unix.Fstat(d.fd(), &st) != nil {
		return "a process that is not visible from here"
	}
	ending := []byte(":" + strconv.FormatUint(st.Ino, 10))
	for line := range bytes.Lines(locks) {
		f := bytes.Fields(line)
		if len(f) < 6 || string(f[1]) != "FLOCK" || !bytes.HasSuffix(f[5], ending) {
			continue
		}
		pid := string(f[4])
		args, _ := os.ReadFile("/proc/" + pid + "/cmdline")
		return "process " + pid + " (" + string(bytes.TrimSpace(bytes.ReplaceAll(args, []byte{0}, []byte{' '}))) + ")"
	}
	return "a process that is not visible from here"
}

// unlock lets other verbs at the container; the directory stays open.
func (d *stateDir) unlock() { _ = unix.Flock(d.fd(), unix.LOCK_UN) }
