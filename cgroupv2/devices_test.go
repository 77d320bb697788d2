package cgroupv2

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// run interprets a filter as the kernel would.
func run(t *testing.T, p Program, kind, access int, major, minor uint32) bool {
	t.Helper()
	var reg [11]uint64
	ctx := [3]uint32{uint32(access<<16 | kind), major, minor}
	for pc, steps := 0, 0; ; steps++ {
		if steps > 100_000 || pc < 0 || pc*8 >= len(p) {
			t.Fatalf("the program leaves its bounds at %d", pc)
		}
		i := p[pc*8 : pc*8+8]
		op, dst, src := i[0], i[1]&15, i[1]>>4
		off, imm := int(int16(binary.NativeEndian.Uint16(i[2:]))), int32(binary.NativeEndian.Uint32(i[4:]))
		pc++
		switch op {
		case opLoad32:
			reg[dst] = uint64(ctx[off/4])
		case opMov:
			reg[dst] = reg[src]
		case opMov32Im:
			reg[dst] = uint64(uint32(imm))
		case opAnd32:
			reg[dst] = uint64(uint32(reg[dst]) & uint32(imm))
		case opRight32:
			reg[dst] = uint64(uint32(reg[dst]) >> imm)
		case opLeft32:
			reg[dst] = uint64(uint32(reg[dst]) << imm)
		case opOr32:
			reg[dst] = uint64(uint32(reg[dst]) | uint32(reg[src]))
		case opExit:
			return reg[0] == 1
		case opGoto:
			pc += off
		case jumpEq:
			if uint32(reg[dst]) == uint32(imm) {
				pc += off
			}
		case jumpNe:
			if uint32(reg[dst]) != uint32(imm) {
				pc += off
			}
		case jumpSet:
			if uint32(reg[dst])&uint32(imm) != 0 {
				pc += off
			}
		default:
			t.Fatalf("unknown instruction %#x at %d", op, pc-1)
		}
	}
}

// walk is the meaning of a list of rules: for every bit of the access the last rule
// that matches decides, and all bits must be allowed.
func walk(rules []rule, kind, access int, major, minor int64) bool {
	for bit := 1; bit <= accessAll; bit <<= 1 {
		if access&bit == 0 {
			continue
		}
		allowed := false
		for _, r := range rules {
			if r.access&bit != 0 && (r.kind == 0 || r.kind == kind) && (r.major == anyNumber || r.major == major) && (r.minor == anyNumber || r.minor == minor) {
				allowed = r.allow
			}
		}
		if !allowed {
			return false
		}
	}
	return true
}

func TestFilterMeansWhatTheRulesSay(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	numbers := []int64{anyNumber, 0, 1, 3, 5, 7, 8, 10, 136, 200, 229, 4095}
	pick := func() *int64 {
		n := numbers[random.IntN(len(numbers))]
		if n == anyNumber && random.IntN(2) == 0 {
			return nil
		}
		return &n
	}
	for range 300 {
		var list []specs.LinuxDeviceCgroup
		for range random.IntN(12) {
			list = append(list, specs.LinuxDeviceCgroup{Allow: random.IntN(2) == 0, Type: []string{"", "a", "b", "c"}[random.IntN(4)],
				Major: pick(), Minor: pick(), Access: []string{"", "r", "w", "m", "rw", "rm", "wm", "rwm"}[random.IntN(8)]})
		}
		p, err := DeviceProgram(list)
		if err != nil {
			t.Fatal(err)
		}
		rules, _ := readRules(list)
		for range 300 {
			kind, access := 1+random.IntN(2), 1+random.IntN(7)
			major, minor := numbers[1+random.IntN(len(numbers)-1)], numbers[1+random.IntN(len(numbers)-1)]
			if got, want := run(t, p, kind, access, uint32(major), uint32(minor)), walk(rules, kind, access, major, minor); got != want {
				t.Fatalf("rules %v\nkind %d access %d device %d:%d: filter %v, rules %v", rules, kind, access, major, minor, got, want)
			}
		}
	}
}

func TestDefaultsAndHoles(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	denyAll := specs.LinuxDeviceCgroup{Allow: false, Access: "rwm"}
	for name, c := range map[string]struct {
		list         []specs.LinuxDeviceCgroup
		kind, access int
		major, minor uint32
		want         bool
	}{
		"no rules: null":             {nil, typeChar, accessRead | accessWrite, 1, 3, true},
		"no rules: mem":              {nil, typeChar, accessRead, 1, 1, false},
		"no rules: mknod of mem":     {nil, typeChar, accessMknod, 1, 1, true},
		"no rules: a disk":           {nil, typeBlock, accessRead, 8, 0, false},
		"deny all: pts":              {[]specs.LinuxDeviceCgroup{denyAll}, typeChar, accessRead, 136, 17, true},
		"allow all":                  {[]specs.LinuxDeviceCgroup{{Allow: true}}, typeBlock, accessAll, 8, 0, true},
		"a hole in allow all":        {[]specs.LinuxDeviceCgroup{{Allow: true}, {Type: "c", Major: n(10), Minor: n(229), Access: "rwm"}}, typeChar, accessRead, 10, 229, false},
		"beside the hole":            {[]specs.LinuxDeviceCgroup{{Allow: true}, {Type: "c", Major: n(10), Minor: n(229), Access: "rwm"}}, typeChar, accessRead, 10, 228, true},
		"writing denied, rw asked":   {[]specs.LinuxDeviceCgroup{{Allow: true}, {Type: "b", Major: n(8), Minor: n(0), Access: "w"}}, typeBlock, accessRead | accessWrite, 8, 0, false},
		"writing denied, read asked": {[]specs.LinuxDeviceCgroup{{Allow: true}, {Type: "b", Major: n(8), Minor: n(0), Access: "w"}}, typeBlock, accessRead, 8, 0, true},
	} {
		p, err := DeviceProgram(c.list)
		if err != nil {
			t.Fatal(err)
		}
		if got := run(t, p, c.kind, c.access, c.major, c.minor); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestBadDeviceRules(t *testing.T) {
	big := int64(1 << 20)
	for _, d := range []specs.LinuxDeviceCgroup{{Type: "z"}, {Access: "q"}, {Major: &big}} {
		if _, err := DeviceProgram([]specs.LinuxDeviceCgroup{d}); err == nil {
			t.Errorf("%+v was accepted", d)
		}
	}
}

func TestKernelTakesTheFilter(t *testing.T) {
	p, err := DeviceProgram([]specs.LinuxDeviceCgroup{{Allow: true, Type: "b", Access: "r"}, {Access: "w"}})
	if err != nil {
		t.Fatal(err)
	}
	fd, err := p.Load()
	if err != nil {
		t.Skip("needs CAP_BPF:", err)
	}
	closeFD(t, fd)
	for _, list := range [][]specs.LinuxDeviceCgroup{nil, {{Allow: true}}, {{}}} {
		p, _ := DeviceProgram(list)
		fd, err := p.Load()
		if err != nil {
			t.Fatalf("%v: %v", list, err)
		}
		closeFD(t, fd)
	}
}

// An instruction can jump over 32767 others.
func TestMoreRulesThanAFilterCanJumpOver(t *testing.T) {
	major, minor := int64(200), int64(5)
	rules := make([]specs.LinuxDeviceCgroup, 40000)
	for i := range rules {
		rules[i] = specs.LinuxDeviceCgroup{Type: "c", Major: &major, Minor: &minor, Access: "rwm"}
	}
	if _, err := DeviceProgram(rules[:32000]); err != nil {
		t.Error(err)
	}
	_, err := DeviceProgram(rules)
	var value *ValueError
	if !errors.As(err, &value) || value.Error() != ".linux.resources.devices: 40000 rules are too many for one filter" {
		t.Errorf("%v", err)
	}
}

func TestTheVerifierIsQuotedWithWhatItSaysLast(t *testing.T) {
	for log, want := range map[string]string{
		"":                          "",
		"one":                       "one",
		"one\ntwo\n":                "two",
		"one\ntwo\nprocessed 0 i\n": "two",
		"processed 0 insns\n":       "processed 0 insns",
	} {
		if got := lastLine(append([]byte(log), 0)); got != want {
			t.Errorf("%q: %q", log, got)
		}
	}
}
