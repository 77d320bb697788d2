package cgroupv2

import (
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func (s *settings) io(b *specs.LinuxBlockIO) {
	if b == nil {
		return
	}
	s.weight(b)
	for i := range b.WeightDevice {
		s.weightDevice(&b.WeightDevice[i], "blockIO.weightDevice["+strconv.Itoa(i)+"]")
	}
	s.throttle("rbps", "throttleReadBpsDevice", b.ThrottleReadBpsDevice)
	s.throttle("wbps", "throttleWriteBpsDevice", b.ThrottleWriteBpsDevice)
	s.throttle("riops", "throttleReadIOPSDevice", b.ThrottleReadIOPSDevice)
	s.throttle("wiops", "throttleWriteIOPSDevice", b.ThrottleWriteIOPSDevice)
}

func (s *settings) weight(b *specs.LinuxBlockIO) {
	if b.LeafWeight != nil && *b.LeafWeight != 0 {
		s.refuse("blockIO.leafWeight", noCounterpart, "Leave it out.")
	}
	if b.Weight == nil || *b.Weight == 0 {
		return
	}
	if !s.weightInRange(*b.Weight, "blockIO.weight") {
		return
	}
	s.list = append(s.list, weightSetting("", *b.Weight, resources+"blockIO.weight"))
}

func (s *settings) weightInRange(w uint16, field string) bool {
	if w < 10 || w > 1000 {
		s.refuse(field, strconv.Itoa(int(w))+" is no weight", "Give 10 to 1000.")
		return false
	}
	return true
}

// weightSetting prefers the BFQ scheduler's file, which takes the value as it is;
// io.weight spreads 10 to 1000 over 1 to 10000.
func weightSetting(device string, w uint16, field string) Setting {
	spread := 1 + (uint64(w)-10)*9999/990
	return Setting{File: "io.bfq.weight", Value: device + strconv.Itoa(int(w)), Field: field,
		Else: &Setting{File: "io.weight", Value: orDefault(device) + strconv.FormatUint(spread, 10), Field: field}}
}

func orDefault(device string) string {
	if device == "" {
		return "default "
	}
	return device
}

func (s *settings) weightDevice(d *specs.LinuxWeightDevice, field string) {
	switch {
	case d.LeafWeight != nil && *d.LeafWeight != 0:
		s.refuse(field+".leafWeight", noCounterpart, "Leave it out.")
	case d.Weight == nil:
		s.refuse(field, "neither weight nor leafWeight is given", "Give a weight.")
	case s.once(field, number(d.Major, d.Minor)) && s.weightInRange(*d.Weight, field+".weight"):
		s.list = append(s.list, weightSetting(number(d.Major, d.Minor)+" ", *d.Weight, resources+field))
	}
}

func (s *settings) throttle(key, name string, list []specs.LinuxThrottleDevice) {
	for i, d := range list {
		field := "blockIO." + name + "[" + strconv.Itoa(i) + "]"
		if !s.once(field, number(d.Major, d.Minor)) {
			return
		}
		rate := "max" // 0 takes a limit away, as in cgroup v1
		if d.Rate != 0 {
			rate = strconv.FormatUint(d.Rate, 10)
		}
		s.add("io.max", number(d.Major, d.Minor)+" "+key+"="+rate, field)
	}
}

func number(major, minor int64) string {
	return strconv.FormatInt(major, 10) + ":" + strconv.FormatInt(minor, 10)
}
