package libcontainer

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"
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
	rec := c.record
	s := &State{OCIVersion: ociVersion, ID: rec.ID, Status: c.status(false), Bundle: rec.Bundle, Rootfs: rec.Rootfs,
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
	owners := owners{}
	for _, e := range entries {
		if !e.IsDir() || strings.ContainsRune(e.Name(), '@') {
			continue
		}
		c, err := r.open(e.Name())
		if errors.Is(err, ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			broken = append(broken, fail("list", e.Name(), err))
			continue
		}
		s := c.state()
		s.Owner = owners.name(c.dir.file)
		c.close()
		containers = append(containers, s)
	}
	return containers, broken, nil
}

// owners looks a user up once per list.
type owners map[uint32]string

func (o owners) name(f *os.File) string {
	uid := ownerOf(f)
	if name, ok := o[uid]; ok {
		return name
	}
	name := "#" + strconv.Itoa(int(uid))
	if u, err := user.LookupId(strconv.Itoa(int(uid))); err == nil {
		name = u.Username
	}
	o[uid] = name
	return name
}
