package cgroupv2

import (
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Bits of bpf_cgroup_dev_ctx.access_type (include/uapi/linux/bpf.h).
const (
	typeBlock = 1
	typeChar  = 2

	accessMknod = 1
	accessRead  = 2
	accessWrite = 4
	accessAll   = accessMknod | accessRead | accessWrite
)

const anyNumber = -1

// rule is a device rule after reading: kind 0 is both kinds.
type rule struct {
	allow        bool
	kind         int
	major, minor int64
	access       int
}

// defaultRules come after the configuration's own and so win over them: without
// these devices next to no program runs. Terminals, tun, and the making of nodes are
// among them as with every other runtime; a node that was made is still not opened.
var defaultRules = []rule{
	{true, typeChar, anyNumber, anyNumber, accessMknod},
	{true, typeBlock, anyNumber, anyNumber, accessMknod},
	{true, typeChar, 1, 3, accessAll},           // null
	{true, typeChar, 1, 5, accessAll},           // zero
	{true, typeChar, 1, 7, accessAll},           // full
	{true, typeChar, 1, 8, accessAll},           // random
	{true, typeChar, 1, 9, accessAll},           // urandom
	{true, typeChar, 5, 0, accessAll},           // tty
	{true, typeChar, 5, 2, accessAll},           // ptmx
	{true, typeChar, 136, anyNumber, accessAll}, // pts/*
	{true, typeChar, 10, 200, accessAll},        // net/tun
}

// readRules reads the configuration's rules, in their order (config-linux.md
// "Allowed Device list"): the last that matches decides.
func readRules(list []specs.LinuxDeviceCgroup) ([]rule, error) {
	rules := make([]rule, 0, len(list)+len(defaultRules))
	for i := range list {
		field := resources + "devices[" + strconv.Itoa(i) + "]"
		r, err := readRule(&list[i], field)
		if err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return append(rules, defaultRules...), nil
}

func readRule(d *specs.LinuxDeviceCgroup, field string) (rule, error) {
	r := rule{allow: d.Allow, major: anyNumber, minor: anyNumber}
	switch d.Type {
	case "", "a":
	case "b":
		r.kind = typeBlock
	case "c", "u":
		r.kind = typeChar
	default:
		return r, &ValueError{Field: field + ".type", Text: "unknown device type " + strconv.Quote(d.Type), Hint: "Use a, b or c."}
	}
	if d.Major != nil {
		r.major = *d.Major
	}
	if d.Minor != nil {
		r.minor = *d.Minor
	}
	if r.major < anyNumber || r.major > 0xfff || r.minor < anyNumber || r.minor > 0xfffff {
		return r, &ValueError{Field: field, Text: "no such device numbers " + number(r.major, r.minor), Hint: "Give a major of up to 4095 and a minor of up to 1048575, or -1 for all."}
	}
	for _, letter := range d.Access {
		at := strings.IndexRune("mrw", letter)
		if at < 0 {
			return r, &ValueError{Field: field + ".access", Text: "unknown access " + strconv.Quote(d.Access), Hint: "Use letters of rwm."}
		}
		r.access |= 1 << at
	}
	if d.Access == "" {
		r.access = accessAll
	}
	return r, nil
}

func (r rule) String() string {
	verb := "deny "
	if r.allow {
		verb = "allow "
	}
	return verb + [...]string{"all", "block", "char"}[r.kind] + " " + star(r.major) + ":" + star(r.minor) + " " + r.letters()
}

func (r rule) letters() string {
	text := ""
	for i, l := range []string{"r", "w", "m"} {
		if r.access&[]int{accessRead, accessWrite, accessMknod}[i] != 0 {
			text += l
		}
	}
	return text
}

func star(n int64) string {
	if n == anyNumber {
		return "*"
	}
	return strconv.FormatInt(n, 10)
}

// DescribeDevices lists the rules of the filter in the order in which they are tried
// (the first that matches decides), for explain. What no rule allows is denied.
func DescribeDevices(list []specs.LinuxDeviceCgroup) []string {
	rules, err := readRules(list)
	if err != nil {
		return nil
	}
	var lines []string
	for i := len(rules) - 1; i >= 0; i-- {
		lines = append(lines, rules[i].String())
	}
	return append(lines, "deny the rest")
}

// Program is a device filter: the instructions of an eBPF program of the type
// BPF_PROG_TYPE_CGROUP_DEVICE, eight bytes each.
type Program []byte

const fewerRules = "There are too many device rules for the kernel: join some, for example by leaving out the minor number, which means all."

// DeviceProgram compiles rules, the configuration's and the default ones, into a
// filter. What no rule allows is denied.
//
// The rules are tried from the last to the first, each bit of the access by itself:
// reading and writing may be decided by different rules. A rule of one jump and two
// exits that all share keep the kernel's verifier linear; a filter with an exit of
// its own for each rule is quadratic there.
func DeviceProgram(list []specs.LinuxDeviceCgroup) (Program, error) {
	rules, err := readRules(list)
	if err != nil {
		return nil, err
	}
	a := &assembler{}
	a.load()
	toBlock := a.jump(jumpEq, regType, typeBlock)
	a.section(rules, typeChar)
	a.land(toBlock)
	a.section(rules, typeBlock)
	if a.far {
		return nil, &ValueError{Field: resources + "devices", Text: strconv.Itoa(len(list)) + " rules are too many for one filter", Hint: fewerRules}
	}
	return a.code, nil
}
