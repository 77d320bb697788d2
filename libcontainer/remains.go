package libcontainer

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/cgroupv2"
	"github.com/mdrun/mdrun/spec"
)

// remains reads what it can of a container. Of a damaged record the cgroup link is
// left, which cannot be half written, and the copy of config.json; where those are gone
// too there is nothing but the directory.
func remains(r *Runtime, d *stateDir) *container {
	rec, err := loadRecord(d)
	if err != nil {
		rec = &record{ID: d.id, Cgroup: readCgroupLink(d), Poststop: true}
		if len(rec.Cgroup) == 0 {
			rec.Cgroup, rec.Created = markedCgroup(d)
		} else {
			rec.Created = markedTime(rec)
		}
	}
	return &container{runtime: r, dir: d, record: rec}
}

// markedTime gives a container without a record the name by which it has claimed its
// cgroup; where that is marked as another's, one that is not in the mark.
func markedTime(rec *record) (created time.Time) {
	h, err := cgroupv2.Open()
	if err != nil {
		return created
	}
	defer h.Close()
	group, err := h.OpenCgroup(rec.cgroupPath())
	if err != nil {
		return created
	}
	defer group.Close()
	holder := group.Holder()
	ns, err := strconv.ParseInt(strings.TrimPrefix(holder, rec.ID+"@"), 10, 64)
	switch {
	case holder == "":
		return created
	case err != nil:
		ns = 0
	}
	return time.Unix(0, ns).UTC()
}

// markedCgroup finds the cgroup where create has made it, by the copy of config.json, if
// the mark there says that it is this container's. Which of its parents create has made,
// nothing tells: they stay.
func markedCgroup(d *stateDir) (made []cgroupv2.Made, created time.Time) {
	h, group := likelyCgroup(d)
	if group == nil {
		return nil, created
	}
	defer h.Close()
	defer group.Close()
	holder := group.Holder()
	at := strings.LastIndexByte(holder, '@')
	if at < 0 || holder[:at] != d.id {
		return nil, created
	}
	ns, err := strconv.ParseInt(holder[at+1:], 10, 64)
	if created = time.Unix(0, ns); err != nil || !d.madeAt(created) {
		return nil, time.Time{}
	}
	made = cgroupv2.Way(group.Path())
	for i := range made[:len(made)-1] {
		made[i].Existed = true
	}
	return made, created.UTC()
}

// madeAt tells whether the directory is that of a container of this age: another root may
// have had one of the same id, which took the cgroup later. create writes the copy of
// config.json right after it has told the time, by a clock that may be a tick ahead of
// the one of files.
func (d *stateDir) madeAt(created time.Time) bool {
	var st unix.Stat_t
	if unix.Fstatat(d.fd(), configFile, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return false
	}
	age := time.Unix(st.Mtim.Unix()).Sub(created)
	return -20*time.Millisecond <= age && age <= 10*time.Second
}

// likelyCgroup opens the cgroup that create would make by the copy of config.json; nil
// where there is none.
func likelyCgroup(d *stateDir) (*cgroupv2.Hierarchy, *cgroupv2.Cgroup) {
	raw, err := d.read(configFile)
	if err != nil {
		return nil, nil
	}
	s, _, err := spec.Decode(configFile, raw)
	if err != nil {
		return nil, nil
	}
	h, err := cgroupv2.Open()
	if err != nil {
		return nil, nil
	}
	where := ""
	if s.Linux != nil {
		where = s.Linux.CgroupsPath
	}
	path, err := h.Locate(where, d.id)
	if err == nil {
		if group, err := h.OpenCgroup(string(path)); err == nil {
			return h, group
		}
	}
	h.Close()
	return nil, nil
}

// mayBeLeft is the warning for a container of which nothing is known for certain. Its
// directory goes all the same: nobody could ever do more about it.
func (c *container) mayBeLeft() string {
	const nothing = "nothing is left that tells of its cgroup and its process; if they are there, they stay"
	h, group := likelyCgroup(c.dir)
	if group == nil {
		return nothing
	}
	defer h.Close()
	defer group.Close()
	if holder := group.Holder(); holder != "" && !strings.HasPrefix(holder, c.dir.id+"@") {
		return nothing
	}
	path := cgroupv2.Mount + group.Path()
	return nothing + ". " + path + " may be its cgroup: look what is in it, and end that with echo 1 >" + path + "/cgroup.kill"
}
