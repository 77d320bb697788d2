package libcontainer

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mdrun/mdrun/spec/strictjson"
)

// State is what state and list say about a container (runtime.md "State", and the
// fields that runc adds: rootfs, created, owner).
type State struct {
	OCIVersion  string            // version of the specification that this state follows
	ID          string            // the container's id
	PID         int               // init's pid in the runtime's pid namespace; 0 when stopped
	Status      Status            // where the container is in its life
	Bundle      string            // absolute path of the bundle
	Rootfs      string            // absolute path of the root directory
	Created     time.Time         // when create took the id, UTC
	Annotations map[string]string // of config.json
	Owner       string            // user name of the state directory's owner; only in lists
}

// AppendJSON appends the state as JSON: indented for state, on one line for list.
func (s *State) AppendJSON(b []byte, indent bool) []byte {
	w := &strictjson.Writer{Buf: b}
	if indent {
		w.Indent = "  "
	}
	w.Open('{')
	w.String("ociVersion", s.OCIVersion)
	w.String("id", s.ID)
	w.Int("pid", int64(s.PID))
	w.String("status", string(s.Status))
	w.String("bundle", s.Bundle)
	w.String("rootfs", s.Rootfs)
	w.String("created", s.Created.Format(time.RFC3339Nano))
	if len(s.Annotations) > 0 {
		w.Dict("annotations", s.Annotations)
	}
	w.String("owner", s.Owner)
	w.Close('}')
	return w.Buf
}

// State tells about one container. It never waits for a lock: hooks call it during
// create.
func (r *Runtime) State(id string) (*State, error) {
	c, err := r.open(id)
	if err != nil {
		return nil, fail("state", id, err)
	}
	defer c.close()
	return c.state(), nil
}

func (c *container) state() *State {
	status := c.status(false) // which may read the record once more
	rec := c.record
	s := &State{OCIVersion: ociVersion, ID: rec.ID, Status: status, Bundle: rec.Bundle, Rootfs: rec.Rootfs,
		Created: rec.Created, Annotations: rec.Annotations}
	if s.Status != Stopped {
		s.PID = rec.PID
	}
	return s
}

// List tells about every container below the state root, in the order of their
// ids. One that cannot be read does not hide the others: its error names it.
func (r *Runtime) List() (containers []*State, broken []error, err error) {
	entries, err := os.ReadDir(r.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fail("list", "", rootError(err))
	}
	found := make([]*State, len(entries))
	failed := make([]error, len(entries))
	owners := &owners{}
	halves(len(entries), func(i int) { found[i], failed[i] = r.entry(entries[i], owners) })
	for i := range entries {
		if found[i] != nil {
			containers = append(containers, found[i])
		} else if failed[i] != nil {
			broken = append(broken, failed[i])
		}
	}
	return containers, broken, nil
}

// entry is one line of the list; nothing where there is no container.
func (r *Runtime) entry(e os.DirEntry, owners *owners) (*State, error) {
	if !e.IsDir() || strings.ContainsRune(e.Name(), '@') {
		return nil, nil
	}
	c, err := r.open(e.Name())
	if errors.Is(err, ErrNotExist) {
		return nil, nil // deleted meanwhile
	}
	if err != nil {
		return nil, fail("list", e.Name(), err)
	}
	defer c.close()
	s := c.state()
	s.Owner = owners.name(c.dir.file)
	return s, nil
}

// halves does a thing for each number below n, in two threads when there are many: it is
// the kernel that has most of the work.
func halves(n int, do func(int)) {
	const many = 32
	var wait sync.WaitGroup
	half := 0
	if n >= many {
		half = n / 2
		wait.Go(func() {
			for i := range half {
				do(i)
			}
		})
	}
	for i := half; i < n; i++ {
		do(i)
	}
	wait.Wait()
}

// owners looks a user up once per list.
type owners struct {
	sync.Mutex
	names map[uint32]string
}

func (o *owners) name(f *os.File) string {
	o.Lock()
	defer o.Unlock()
	uid := ownerOf(f)
	if name, ok := o.names[uid]; ok {
		return name
	}
	name := "#" + strconv.Itoa(int(uid))
	if u, err := user.LookupId(strconv.Itoa(int(uid))); err == nil {
		name = u.Username
	}
	if o.names == nil {
		o.names = map[uint32]string{}
	}
	o.names[uid] = name
	return name
}
