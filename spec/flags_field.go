package spec

import (
	"path"
	"strconv"
	"strings"
)

// FlagOf gives the flag, as a person would write it, that a field of the configuration
// comes from which FromFlags makes of them all; "" where no flag did. It is for errors: who
// has written flags has never seen the field.
func FlagOf(f Flags, field string) string {
	s, err := FromFlags(f)
	if err != nil {
		return ""
	}
	list, i := entry(field)
	switch {
	case list == ".mounts" && i < len(s.Mounts):
		return f.mountFlag(s.Mounts[i].Destination)
	case list == ".process.env" && i < len(s.Process.Env):
		return f.written("env", "-e", func(value string) bool { return value == s.Process.Env[i] })
	}
	for _, m := range makers {
		if m.field != "" && (field == m.field || strings.HasPrefix(field, m.field+".")) {
			return f.written(m.name, m.shown, func(string) bool { return true })
		}
	}
	return ""
}

// entry takes the index out of .mounts[3].source; it is beyond every list where there is
// none.
func entry(field string) (list string, i int) {
	list, rest, _ := strings.Cut(field, "[")
	number, _, _ := strings.Cut(rest, "]")
	i, err := strconv.Atoi(number)
	if err != nil {
		return list, 1 << 30
	}
	return list, i
}

// mountFlag finds the flag for a mount by its destination, which no two have.
func (f *Flags) mountFlag(destination string) string {
	flag := f.written("volume", "-v", func(value string) bool {
		parts := strings.Split(value, ":")
		return len(parts) > 1 && path.Clean(parts[1]) == destination
	})
	if flag != "" {
		return flag
	}
	return f.written("tmpfs", "--tmpfs", func(value string) bool {
		at, _, _ := strings.Cut(value, ":")
		return path.Clean(at) == destination
	})
}

// written is the last of a flag's values that is the one; of a flag without values it is
// the flag alone.
func (f *Flags) written(name, shown string, is func(value string) bool) string {
	text := ""
	for _, value := range f.Values[name] {
		switch {
		case !is(value):
		case value == "true" && (name == "read-only" || name == "tty"):
			text = shown
		default:
			text = shown + " " + printable(value)
		}
	}
	return text
}
