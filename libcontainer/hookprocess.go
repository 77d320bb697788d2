package libcontainer

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/hook"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/spec/strictjson"
)

// hookProcess is a hook that a command waits for, as it is on record. One in the runtime's
// namespaces is held by no cgroup; it leads a session and a process group. One in the
// container's is only named: it is found, and ended, with the container.
type hookProcess struct {
	Field     string // which hook it is; "": there is none
	PID       int    // of the leader, and so of the group; 0: it is in the container
	StartTime uint64 // of /proc/PID/stat
	// Pipe is the inode of the pipe that it prints into. It tells its processes from
	// others when the leader is gone and its number may be somebody else's.
	Pipe uint64
}

func identify(h *hook.Held) (hookProcess, error) {
	p, ok := readProcess(h.PID)
	if !ok {
		return hookProcess{}, &stateError{text: "the process of a hook is not in /proc: " + sys.Int(h.PID)}
	}
	var st unix.Stat_t
	if err := unix.Fstat(h.Output, &st); err != nil {
		return hookProcess{}, sys.Fail(err, "fstat", "the output of a hook")
	}
	return hookProcess{Field: h.Program.Field(), PID: h.PID, StartTime: p.Start, Pipe: st.Ino}, nil
}

// leads tells whether the leader is still there. Dead or not, until it is reaped nobody
// else can have its number.
func (h *hookProcess) leads() bool {
	p, ok := readProcess(h.PID)
	return ok && p.Start == h.StartTime
}

// atGate tells whether the leader has not become the hook yet: it runs our executable,
// and does not print into the hook's pipe.
func (h *hookProcess) atGate() bool {
	ours, err := os.Stat("/proc/self/exe")
	if err != nil || h.PID <= 0 {
		return false
	}
	its, err := os.Stat("/proc/" + strconv.Itoa(h.PID) + "/exe")
	return err == nil && os.SameFile(ours, its) && !h.holdsPipe(h.PID)
}

// kill ends the hook with all of its process group, and tells whether the leader was
// still there. Where it was not, it ends those of the group that hold the hook's pipe:
// another group may have the number now.
func (h *hookProcess) kill() (led bool) {
	if h.PID <= 0 {
		return false
	}
	led = h.leads()
	if !led && unix.Kill(-h.PID, 0) == unix.ESRCH {
		return false
	}
	group := h.members(led)
	if led {
		_ = unix.Kill(-h.PID, unix.SIGKILL) // and with it who was born meanwhile
	}
	for _, pidfd := range group {
		_ = unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0)
	}
	for _, pidfd := range group {
		awaitExit(pidfd, int(killWait.Milliseconds()))
		unix.Close(pidfd)
	}
	return led
}

// members gives pidfds of the processes of the group; without a leader of those alone
// that are the hook's for certain.
func (h *hookProcess) members(led bool) (pidfds []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		pidfd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		// Asked of the process that the pidfd holds: it had the number before.
		group, err := unix.Getpgid(pid)
		if err == nil && (group == h.PID || led && pid == h.PID) && (led || h.holdsPipe(pid)) {
			pidfds = append(pidfds, pidfd)
			continue
		}
		unix.Close(pidfd)
	}
	return pidfds
}

func (h *hookProcess) holdsPipe(pid int) bool {
	pipe := "pipe:[" + strconv.FormatUint(h.Pipe, 10) + "]"
	for _, fd := range []string{"1", "2"} {
		if link, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "fd", fd)); err == nil && link == pipe {
			return true
		}
	}
	return false
}

// refuseToBeKilled: a hook that deletes its own container with force would be killed
// first of all.
func (h *hookProcess) refuseToBeKilled() error {
	session, err := unix.Getsid(0)
	if err != nil || !h.leadsSession(session) {
		return nil
	}
	return h.wouldDie()
}

func (h *hookProcess) wouldDie() error {
	return &stateError{text: "this command runs in the hook " + h.Field + " of the container, which would be killed with it",
		hint: "Let the hook fail instead: then the container is deleted."}
}

// refuseToBeKilled: so would be whoever is in the container's cgroup, as its own hooks
// are. A hook there may be in another pid namespace than ours, which is no matter:
// cgroup.procs numbers the processes as whoever reads it sees them (pid_namespaces(7)).
func (c *container) refuseToBeKilled() error {
	if err := c.record.Hook.refuseToBeKilled(); err != nil {
		return err
	}
	group, err := c.openCgroup()
	if err != nil {
		return nil
	}
	defer group.Close()
	pids, err := group.Procs()
	switch {
	case err != nil || !slices.Contains(pids, unix.Getpid()):
		return nil
	case c.record.Hook.Field != "" && c.record.Hook.PID == 0:
		return c.record.Hook.wouldDie()
	}
	return &stateError{text: "this command runs in the cgroup of the container, whose processes would be killed, and it with them",
		hint: "Run it in another cgroup."}
}

func (h *hookProcess) leadsSession(session int) bool { return h.PID == session && h.leads() }

func (r *record) encodeHooks(w *strictjson.Writer) {
	if r.Poststart {
		w.Bool("poststart", true)
	}
	if r.Poststop {
		w.Bool("poststop", true)
		w.Int("next", int64(r.Next))
	}
	if r.StartContainer {
		w.Bool("startContainer", true)
	}
	if r.Hook.Field == "" {
		return
	}
	w.Key("hook")
	w.Open('{')
	w.String("field", r.Hook.Field)
	if r.Hook.PID != 0 {
		w.Int("pid", int64(r.Hook.PID))
		w.Uint("startTime", r.Hook.StartTime)
		w.Uint("pipe", r.Hook.Pipe)
	}
	w.Close('}')
}

func readHook(in *strictjson.Reader) (h hookProcess) {
	in.Object(func(key string) bool {
		switch key {
		case "field":
			h.Field = in.String()
		case "pid":
			h.PID = int(in.Int(32))
			if h.PID <= 1 {
				in.Fail("not the process of a hook")
			}
		case "startTime":
			h.StartTime = in.Uint(64)
		case "pipe":
			h.Pipe = in.Uint(64)
		default:
			return false
		}
		return true
	})
	return h
}
