package cgroupv2

import (
	"io/fs"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// restore takes back what a container has left on a cgroup that was there before it: the
// device filter, and the owner. Nothing of that is on the record: the filter has its name,
// and the owners from before are noted on the cgroup, so that the next container finds
// them too where the last one was never deleted. What limits have been overwritten is not
// known.
func (c *Cgroup) restore() error {
	err := c.detachDevices()
	if owners := c.giveBack(); err == nil {
		err = owners
	}
	return err
}

// owners notes who had the files of a cgroup before Delegate: lines of a number and a name.
const owners = "trusted.mdrun.owners"

// noteOwners is done once: who comes later finds the new owner.
func (c *Cgroup) noteOwners(names []string, uid int) {
	if _, err := unix.Fgetxattr(c.fd, owners, nil); err == nil {
		return
	}
	var note []byte
	for _, name := range names {
		var st unix.Stat_t
		if unix.Fstatat(c.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && int(st.Uid) != uid {
			note = strconv.AppendUint(note, uint64(st.Uid), 10)
			note = append(note, " "+name+"\n"...)
		}
	}
	_ = unix.Fsetxattr(c.fd, owners, note, 0)
}

// giveBack gives the files to whom they belonged before Delegate.
func (c *Cgroup) giveBack() error {
	note := make([]byte, 16<<10)
	n, err := unix.Fgetxattr(c.fd, owners, note)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(note[:n])) {
		number, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		uid, err := strconv.Atoi(number)
		if err != nil || !fs.ValidPath(name) || strings.Contains(name, "/") {
			continue
		}
		if err := unix.Fchownat(c.fd, name, uid, -1, unix.AT_SYMLINK_NOFOLLOW); err != nil && !gone(err) {
			return &CallError{Call: "fchownat(" + c.path + "/" + name + ", " + number + ")", Err: err}
		}
	}
	_ = unix.Fremovexattr(c.fd, owners)
	return nil
}

// attributes of bpf(2), as in bpf.go.
type queryAttr struct {
	target, kind, flags, attached uint32
	programs                      uint64
	count, _                      uint32
}

type infoAttr struct {
	program, size uint32
	info          uint64
}

// programInfo is struct bpf_prog_info up to the name (include/uapi/linux/bpf.h).
type programInfo struct {
	_    [64]byte
	name [16]byte
}

// mostPrograms of one type can be attached to a cgroup (BPF_CGROUP_MAX_PROGS).
const mostPrograms = 64

// detachDevices takes the filters off that mdrun has attached to the cgroup itself. Those
// of others stay.
func (c *Cgroup) detachDevices() error {
	ids := &[mostPrograms]uint32{}
	var pin runtime.Pinner // the kernel gets a number for a pointer: it must not move
	pin.Pin(ids)
	defer pin.Unpin()
	q := queryAttr{target: uint32(c.fd), kind: unix.BPF_CGROUP_DEVICE, programs: uint64(uintptr(unsafe.Pointer(ids))), count: mostPrograms}
	if _, err := bpf(unix.BPF_PROG_QUERY, unsafe.Pointer(&q), unsafe.Sizeof(q)); err != nil {
		return nil // who may not ask, or cannot, has attached none
	}
	for _, id := range ids[:min(q.count, mostPrograms)] {
		if err := c.detach(id); err != nil {
			return &CallError{Call: "bpf(BPF_PROG_DETACH, " + c.path + ")", Err: err}
		}
	}
	return nil
}

func (c *Cgroup) detach(id uint32) error {
	program, err := bpf(unix.BPF_PROG_GET_FD_BY_ID, unsafe.Pointer(&[3]uint32{id}), 12)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(program)
	info := &programInfo{}
	var pin runtime.Pinner
	pin.Pin(info)
	defer pin.Unpin()
	a := infoAttr{program: uint32(program), size: uint32(unsafe.Sizeof(*info)), info: uint64(uintptr(unsafe.Pointer(info)))}
	_, err = bpf(unix.BPF_OBJ_GET_INFO_BY_FD, unsafe.Pointer(&a), unsafe.Sizeof(a))
	if err != nil || unix.ByteSliceToString(info.name[:]) != filterName {
		return err
	}
	d := attachAttr{target: uint32(c.fd), program: uint32(program), kind: unix.BPF_CGROUP_DEVICE}
	if _, err = bpf(unix.BPF_PROG_DETACH, unsafe.Pointer(&d), unsafe.Sizeof(d)); err == unix.ENOENT {
		return nil
	}
	return err
}
