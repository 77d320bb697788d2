package cgroupv2

import (
	"encoding/binary"
	"math"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Registers of the filter (Documentation/bpf/standardization/instruction-set.rst).
const (
	regResult = 0
	regCtx    = 1
	regType   = 2
	regAccess = 3 // the bits that no rule has decided yet
	regMajor  = 4
	regMinor  = 5
	regDevice = 6 // major << 20 | minor, as the kernel keeps a dev_t
)

// Operation codes.
const (
	opLoad32  = 0x61 // dst = *(u32 *)(src + off)
	opMov     = 0xbf
	opMov32Im = 0xb4
	opAnd32   = 0x54
	opRight32 = 0x74
	opLeft32  = 0x64
	opOr32    = 0x4c
	opExit    = 0x95
	opGoto    = 0x05
	jumpEq    = 0x16 // 32-bit, immediate
	jumpNe    = 0x56
	jumpSet   = 0x46
)

type assembler struct {
	code Program
	far  bool // a jump is longer than an instruction can say
}

func (a *assembler) emit(op, dst, src uint8, off int16, imm int32) {
	a.code = append(a.code, op, dst|src<<4)
	a.code = binary.NativeEndian.AppendUint16(a.code, uint16(off))
	a.code = binary.NativeEndian.AppendUint32(a.code, uint32(imm))
}

// jump emits a jump whose end is given later, and returns its place.
func (a *assembler) jump(op uint8, reg uint8, imm int32) int {
	a.emit(op, reg, 0, 0, imm)
	return len(a.code)/8 - 1
}

// land lets a jump end here.
func (a *assembler) land(at int) {
	off := len(a.code)/8 - at - 1
	a.far = a.far || off > math.MaxInt16
	binary.NativeEndian.PutUint16(a.code[at*8+2:], uint16(off))
}

// load takes struct bpf_cgroup_dev_ctx apart.
func (a *assembler) load() {
	a.emit(opLoad32, regType, regCtx, 0, 0)
	a.emit(opLoad32, regMajor, regCtx, 4, 0)
	a.emit(opLoad32, regMinor, regCtx, 8, 0)
	a.emit(opMov, regAccess, regType, 0, 0)
	a.emit(opRight32, regAccess, 0, 0, 16)
	a.emit(opAnd32, regType, 0, 0, 0xffff)
	a.emit(opMov, regDevice, regMajor, 0, 0)
	a.emit(opLeft32, regDevice, 0, 0, 20)
	a.emit(opOr32, regDevice, regMinor, 0, 0)
}

// section emits the rules for one kind of device, and its two exits.
func (a *assembler) section(rules []rule, kind int) {
	var accept, deny []int
	whole := false
	for i := len(rules) - 1; i >= 0 && !whole; i-- {
		r := rules[i]
		if r.kind != 0 && r.kind != kind {
			continue
		}
		to := &deny
		if r.allow {
			to = &accept
		}
		whole = a.rule(r, to)
	}
	if !whole {
		deny = append(deny, a.jump(opGoto, 0, 0))
	}
	a.exit(deny, 0)
	a.exit(accept, 1)
}

// exit ends with a result where jumps lead to it: the verifier refuses instructions
// that nothing reaches.
func (a *assembler) exit(from []int, result int32) {
	if len(from) == 0 {
		return
	}
	for _, at := range from {
		a.land(at)
	}
	a.emit(opMov32Im, regResult, 0, 0, result)
	a.emit(opExit, 0, 0, 0, 0)
}

// rule emits one rule and tells whether it decides everything that comes to it.
func (a *assembler) rule(r rule, to *[]int) (whole bool) {
	reg, value, matchesAll := r.test()
	if r.access == accessAll {
		if matchesAll {
			*to = append(*to, a.jump(opGoto, 0, 0))
			return true
		}
		*to = append(*to, a.jump(jumpEq, reg, value))
		return false
	}
	skip := -1
	if !matchesAll {
		skip = a.jump(jumpNe, reg, value)
	}
	if r.allow {
		// These bits are granted; when none is left, so is the access.
		a.emit(opAnd32, regAccess, 0, 0, int32(^r.access&accessAll))
		*to = append(*to, a.jump(jumpEq, regAccess, 0))
	} else {
		*to = append(*to, a.jump(jumpSet, regAccess, int32(r.access)))
	}
	if skip >= 0 {
		a.land(skip)
	}
	return false
}

// test gives the comparison that a rule needs.
func (r rule) test() (reg uint8, value int32, matchesAll bool) {
	switch {
	case r.major == anyNumber && r.minor == anyNumber:
		return 0, 0, true
	case r.minor == anyNumber:
		return regMajor, int32(r.major), false
	case r.major == anyNumber:
		return regMinor, int32(r.minor), false
	}
	return regDevice, int32(uint32(r.major)<<20 | uint32(r.minor)), false
}

// attributes of bpf(2); the kernel takes zeros for what a shorter union lacks.
type loadAttr struct {
	kind, count          uint32
	code, license        uint64
	logLevel, logSize    uint32
	log                  uint64
	kernelVersion, flags uint32
	name                 [16]byte
}

type attachAttr struct{ target, program, kind, flags uint32 }

// filterName is what a filter of ours is known by to bpftool(8), and to restore.
const filterName = "mdrun_devices"

// Load hands the filter to the kernel and gives its descriptor. The verifier's log is
// asked for only after a failure.
func (p Program) Load() (int, error) {
	fd, err := p.load(nil)
	if err == nil {
		return fd, nil
	}
	return p.loadWithLog(err)
}

// loadWithLog is apart from Load because the log is on its stack, which would have to be
// there for every container.
//
//go:noinline
func (p Program) loadWithLog(err error) (int, error) {
	log := make([]byte, 64<<10)
	if fd, again := p.load(log); again == nil {
		return fd, nil
	}
	e := &CallError{Call: "bpf(BPF_PROG_LOAD, " + strings.TrimSpace(lastLine(log)) + ")", Err: err}
	switch err {
	case unix.E2BIG, unix.EFAULT: // too many instructions to look at, or jumps (kernel/bpf/verifier.c)
		e.Hint = fewerRules
	case unix.EPERM:
		e.Hint = "Loading a device filter needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, on the host."
	}
	return -1, e
}

// lastLine gives what the verifier says last, before it says how much it has looked at.
func lastLine(log []byte) string {
	text := strings.TrimRight(unix.ByteSliceToString(log), "\n")
	at := strings.LastIndexByte(text, '\n')
	if at >= 0 && strings.HasPrefix(text[at+1:], "processed ") {
		text = text[:at]
		at = strings.LastIndexByte(text, '\n')
	}
	return text[at+1:]
}

func (p Program) load(log []byte) (int, error) {
	license := [...]byte{'A', 'p', 'a', 'c', 'h', 'e', 0}
	a := loadAttr{kind: unix.BPF_PROG_TYPE_CGROUP_DEVICE, count: uint32(len(p) / 8),
		code: address(p), license: address(license[:])}
	copy(a.name[:], filterName)
	if log != nil {
		a.logLevel, a.logSize, a.log = 1, uint32(len(log)), address(log)
	}
	fd, err := bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&a), unsafe.Sizeof(a))
	runtime.KeepAlive(p)
	runtime.KeepAlive(license)
	runtime.KeepAlive(log)
	return fd, err
}

func address(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

// AttachDevices attaches a loaded filter. Others on the same cgroup stay (systemd
// attaches its own): all of them have to allow an access.
func (c *Cgroup) AttachDevices(program int) error {
	a := attachAttr{target: uint32(c.fd), program: uint32(program), kind: unix.BPF_CGROUP_DEVICE, flags: unix.BPF_F_ALLOW_MULTI}
	if _, err := bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&a), unsafe.Sizeof(a)); err != nil {
		return &CallError{Call: "bpf(BPF_PROG_ATTACH, " + c.path + ")", Err: err}
	}
	return nil
}

// bpf calls again when a signal came between: the verifier gives up with EAGAIN when
// one is pending, and the Go runtime sends itself SIGURG.
func bpf(command uintptr, attr unsafe.Pointer, size uintptr) (int, error) {
	for {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, command, uintptr(attr), size)
		switch errno {
		case 0:
			return int(fd), nil
		case unix.EAGAIN, unix.EINTR:
		default:
			return -1, errno
		}
	}
}
