package spec

import (
	"math"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const sizeHint = "Give bytes, or a number with k, m, g or t: 512k, 256M, 1g."

// memory limits memory and forbids swap: what a container could swap out it would not
// be held back from using.
func (c *fromFlags) memory(value string) error {
	n, err := parseSize(value)
	if err != nil {
		return err
	}
	both := n
	c.spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &n, Swap: &both}
	return nil
}

// units are powers of 1024.
const units = "kmgt"

// parseSize reads a whole number of bytes, or of a unit.
func parseSize(s string) (int64, error) {
	digits := leadingDigits(s)
	unit := strings.ToLower(s[len(digits):])
	factor := int64(1)
	if len(unit) == 1 {
		factor <<= 10 * (1 + strings.Index(units, unit))
	}
	switch {
	case s == "":
		return 0, bad("the size is empty", sizeHint)
	case s[0] == '-':
		return 0, bad("a size below zero", sizeHint)
	case digits == "":
		return 0, bad("not a size", sizeHint)
	case strings.HasPrefix(unit, "."):
		return 0, bad("not a whole number", "Use a smaller unit: 1536m for 1.5g.")
	case len(unit) > 1 || !strings.Contains(units, unit):
		return 0, bad(strconv.Quote(s[len(digits):])+" is no unit of memory", sizeHint)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err != nil || n > math.MaxInt64/factor:
		return 0, bad("more than any machine has", sizeHint)
	case n == 0:
		return 0, bad("no memory at all is too little to start", "Leave the flag out for no limit.")
	}
	return n * factor, nil
}

func leadingDigits(s string) string {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[:i]
}

// mostPids is the kernel's PID_MAX_LIMIT: pids.max takes no more.
const mostPids = 4194304

func (c *fromFlags) pids(value string) error {
	n, err := parseCount(value, mostPids)
	if err != nil {
		return err
	}
	c.spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: &n}
	return nil
}

// parseCount reads a number from 1 to most.
func parseCount(s string, most int64) (int64, error) {
	hint := "Give a number from 1 to " + strconv.FormatInt(most, 10) + "."
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case s == "":
		return 0, bad("the number is empty", hint)
	case leadingDigits(strings.TrimPrefix(s, "-")) != strings.TrimPrefix(s, "-") || s == "-":
		return 0, bad("not a whole number", hint)
	case s[0] == '-':
		return 0, bad("a number below zero", "Leave the flag out for no limit.")
	case err != nil || n > most:
		return 0, bad("more than the kernel can count", hint)
	case n == 0:
		return 0, bad("zero would let nothing run", "Leave the flag out for no limit.")
	}
	return n, nil
}

// period is that of cpu.max, in microseconds: the kernel's default. Decimals of a CPU
// are microseconds of it.
const (
	period   = 100_000
	decimals = 5
)

// leastQuota is the kernel's min_cfs_quota_period, 1 ms; mostCPUs is far above its
// NR_CPUS.
const (
	leastQuota = 1000
	mostCPUs   = 100_000
)

func (c *fromFlags) cpus(value string) error {
	quota, err := parseCPUs(value)
	if err != nil {
		return err
	}
	p := uint64(period)
	c.spec.Linux.Resources.CPU = &specs.LinuxCPU{Quota: &quota, Period: &p}
	return nil
}

// parseCPUs gives the microseconds in each period. Decimals that are less than one are
// cut off.
func parseCPUs(s string) (int64, error) {
	const hint = "Give a number of CPUs, such as 2, 0.5 or 1.5."
	whole, fraction, point := strings.Cut(s, ".")
	switch {
	case s == "":
		return 0, bad("the number is empty", hint)
	case s[0] == '-':
		return 0, bad("a number below zero", hint)
	case whole+fraction == "" || leadingDigits(whole) != whole || leadingDigits(fraction) != fraction || point && fraction == "":
		return 0, bad("not a number", hint)
	}
	micros := (fraction + "00000")[:decimals]
	quota, err := strconv.ParseInt(whole+micros, 10, 64)
	switch {
	case err != nil || quota > mostCPUs*period:
		return 0, bad("more CPUs than any machine has", hint)
	case strings.Trim(s, "0.") == "":
		return 0, bad("no CPU at all would let nothing run", "Leave the flag out for no limit.")
	case quota < leastQuota:
		return 0, bad("less than the kernel can give", "The least is 0.01.")
	}
	return quota, nil
}
