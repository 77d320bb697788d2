package libcontainer

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/cgroupv2"
	"github.com/mdrun/mdrun/libcontainer/compile"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/spec/strictjson"
)

// recordVersion is the format of the record. A newer mdrun reads older ones; a
// record of a newer format is refused by name.
const recordVersion = 1

// record is what is written down about a container before it has any effect: enough
// for delete --force to find and remove everything, whenever the runtime is killed.
// The configuration itself is not in it: config.json is copied beside it.
type record struct {
	ID         string
	Bundle     string
	Rootfs     string
	Created    time.Time
	PID        int    // 0 until init is born; then it is found by cgroup until it is recorded
	StartTime  uint64 // of /proc/PID/stat
	HasProcess bool   // config.json had a process to start
	SharesPID  bool   // no pid namespace of its own: the end of init ends nobody else
	PidFile    string // absolute; its temporary name follows from it
	// NoPivot, NoNewKeyring and PreserveFDs are the flags of create that have a part in
	// the plan: explain makes it again of them and config.json.
	NoPivot, NoNewKeyring bool
	PreserveFDs           int
	// Driver is how the cgroup is made: "cgroupfs", or "systemd" with Scope and
	// Slice, which are written down before systemd is asked.
	Driver, Scope, Slice string
	// Cgroup lists the directories from the top down to the container's own, and
	// whether each was there before: only what create made is removed.
	Cgroup []cgroupv2.Made
	// Poststart and Poststop tell that config.json has such hooks, Poststop until they
	// have run; Next is the index of the first that has not.
	Poststart, Poststop bool
	Next                int
	// StartContainer tells that config.json has such hooks.
	StartContainer bool
	// Hook is the hook that a command waits for, if any: written down before it begins.
	Hook hookProcess
	// Annotations are those of config.json.
	Annotations map[string]string
}

func newRecord(d *design) *record {
	return &record{
		ID: d.ID, Bundle: d.Bundle.Dir, Rootfs: d.Facts.Rootfs, Created: time.Now().UTC(),
		HasProcess: d.Bundle.Spec.Process != nil, SharesPID: !d.Birth.OwnPID, PidFile: d.Options.PidFile,
		NoPivot: d.Options.NoPivot, NoNewKeyring: d.Options.NoNewKeyring, PreserveFDs: d.Options.PreserveFDs,
		Driver: "cgroupfs", Cgroup: d.Cgroup, Annotations: d.Bundle.Spec.Annotations,
		Poststart: len(compile.Hooks(d.Bundle.Spec, compile.Poststart)) > 0, Poststop: len(compile.Hooks(d.Bundle.Spec, compile.Poststop)) > 0,
		StartContainer: len(compile.Hooks(d.Bundle.Spec, compile.StartContainer)) > 0,
	}
}

// options are those of create, as far as they have a part in the plan.
func (r *record) options() CreateOptions {
	return CreateOptions{Bundle: r.Bundle, NoPivot: r.NoPivot, NoNewKeyring: r.NoNewKeyring, PreserveFDs: r.PreserveFDs}
}

// name is the container's among all, also of the same id; "" for one without a record.
func (r *record) name() string {
	if r.Created.IsZero() {
		return ""
	}
	return r.ID + "@" + strconv.FormatInt(r.Created.UnixNano(), 10)
}

// cgroupPath is the container's own cgroup, below the mount point.
func (r *record) cgroupPath() string { return r.Cgroup[len(r.Cgroup)-1].Path }

func (r *record) encode() []byte {
	w := &strictjson.Writer{Buf: make([]byte, 0, 1024)}
	w.Open('{')
	w.Int("version", recordVersion)
	w.String("id", r.ID)
	w.String("bundle", r.Bundle)
	w.String("rootfs", r.Rootfs)
	w.String("created", r.Created.Format(time.RFC3339Nano))
	w.Int("pid", int64(r.PID))
	w.Uint("startTime", r.StartTime)
	w.Bool("hasProcess", r.HasProcess)
	w.Bool("sharesPID", r.SharesPID)
	w.String("pidFile", r.PidFile)
	w.Bool("noPivot", r.NoPivot)
	w.Bool("noNewKeyring", r.NoNewKeyring)
	w.Int("preserveFds", int64(r.PreserveFDs))
	w.String("driver", r.Driver)
	w.String("scope", r.Scope)
	w.String("slice", r.Slice)
	w.Key("cgroup")
	w.Open('[')
	for _, m := range r.Cgroup {
		w.Next()
		w.Open('{')
		w.String("path", m.Path)
		w.Bool("existed", m.Existed)
		w.Close('}')
	}
	w.Close(']')
	r.encodeHooks(w)
	w.Dict("annotations", r.Annotations)
	w.Close('}')
	return append(w.Buf, '\n')
}

func (r *record) save(d *stateDir) error { return d.write(recordFile, r.encode()) }

// linkCgroup writes the cgroup down once more, as the target of a symbolic link,
// which exists whole or not at all: it is what delete --force goes by when the
// record is damaged. The target is the number of directories that were there
// before, a colon, and the path.
func (r *record) linkCgroup(d *stateDir) error {
	if len(r.Cgroup) == 0 {
		return nil
	}
	there := 0
	for _, m := range r.Cgroup {
		if m.Existed {
			there++
		}
	}
	target := strconv.Itoa(there) + ":" + r.cgroupPath()
	if err := unix.Symlinkat(target, d.fd(), cgroupLink); err != nil {
		return sys.Fail(err, "symlinkat", sys.Quote(cgroupLink))
	}
	return nil
}

// readCgroupLink gives the directories that linkCgroup wrote down; nil where there
// is nothing to go by.
func readCgroupLink(d *stateDir) []cgroupv2.Made {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(d.fd(), cgroupLink, buf)
	if err != nil {
		return nil
	}
	count, path, ok := strings.Cut(string(buf[:n]), ":")
	there, err := strconv.Atoi(count)
	if !ok || err != nil || path != filepath.Clean(path) || !filepath.IsAbs(path) || path == "/" {
		return nil
	}
	made := cgroupv2.Way(path)
	for i := range made {
		made[i].Existed = i < there
	}
	return made
}

// damaged is a record that cannot be read.
func damaged(d *stateDir, why string) error {
	return &stateError{text: "the record " + filepath.Join(d.path(), recordFile) + " is damaged: " + why,
		hint: "Use delete --force, which removes what is left of the container " + d.id + "."}
}

// loadRecord reads the record. Keys that it does not know are of a newer mdrun and of
// no harm.
func loadRecord(d *stateDir) (*record, error) {
	data, err := d.read(recordFile)
	if err != nil {
		return nil, damaged(d, err.Error())
	}
	r, version, err := decodeRecord(data)
	switch {
	case err != nil:
		return nil, damaged(d, err.Error())
	case version > recordVersion:
		return nil, damaged(d, "it has the format "+strconv.Itoa(version)+" of a newer mdrun")
	case r.ID != d.id || version < 1:
		return nil, damaged(d, "it is not that of the container "+d.id)
	}
	return r, nil
}

func decodeRecord(data []byte) (*record, int, error) {
	in := strictjson.New(recordFile, data)
	r := &record{}
	version := 0
	in.Object(func(key string) bool {
		switch key {
		case "version":
			version = int(in.Int(32))
		case "id":
			r.ID = in.String()
		case "bundle":
			r.Bundle = in.String()
		case "rootfs":
			r.Rootfs = in.String()
		case "created":
			r.Created = readTime(in)
		case "pid":
			r.PID = int(in.Int(32))
		case "startTime":
			r.StartTime = in.Uint(64)
		case "hasProcess":
			r.HasProcess = in.Bool()
		case "sharesPID":
			r.SharesPID = in.Bool()
		case "pidFile":
			r.PidFile = in.String()
		case "noPivot":
			r.NoPivot = in.Bool()
		case "noNewKeyring":
			r.NoNewKeyring = in.Bool()
		case "preserveFds":
			r.PreserveFDs = int(in.Int(32))
		case "driver":
			r.Driver = in.String()
		case "scope":
			r.Scope = in.String()
		case "slice":
			r.Slice = in.String()
		case "cgroup":
			in.Array(func(int) { r.Cgroup = append(r.Cgroup, readMade(in)) })
		case "poststart":
			r.Poststart = in.Bool()
		case "poststop":
			r.Poststop = in.Bool()
		case "startContainer":
			r.StartContainer = in.Bool()
		case "next":
			r.Next = int(in.Int(32))
		case "hook":
			r.Hook = readHook(in)
		case "annotations":
			r.Annotations = map[string]string{}
			in.Object(func(name string) bool { r.Annotations[name] = in.String(); return true })
		default:
			return false
		}
		return true
	})
	return r, version, in.End()
}

func readTime(in *strictjson.Reader) time.Time {
	t, err := time.Parse(time.RFC3339Nano, in.String())
	if err != nil {
		in.Fail("not a time")
	}
	return t
}

func readMade(in *strictjson.Reader) (m cgroupv2.Made) {
	in.Object(func(key string) bool {
		switch key {
		case "path":
			m.Path = in.String()
			if !filepath.IsAbs(m.Path) || m.Path == "/" || m.Path != filepath.Clean(m.Path) {
				in.Fail("not the path of a cgroup")
			}
		case "existed":
			m.Existed = in.Bool()
		default:
			return false
		}
		return true
	})
	if m.Path == "" {
		in.Fail("a cgroup without a path") // "" would be the root of all
	}
	return m
}
