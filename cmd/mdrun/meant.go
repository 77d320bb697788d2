package main

import (
	"slices"
	"strings"

	"github.com/mdrun/mdrun/cmd/mdrun/verb"
	"github.com/mdrun/mdrun/spec"
)

// others are options that people know from other programs.
var others = []struct{ name, hint string }{
	{"rm", "A container that runs in the foreground is deleted when it ends: leave the option out."},
	{"network", "Did you mean --net?"},
	{"mount", "Did you mean --volume SRC:DST, or --tmpfs DST?"},
	{"privileged", "There is no such switch: --cap-add ALL gives every capability, -v /dev/X:/dev/X shows a device."},
	{"entrypoint", "The command follows --."},
}

// meant tells which option an unknown one may stand for: one with other dashes, one that it
// is the beginning of, or one that differs in a letter.
func meant(flags []verb.Flag, unknown string) string {
	plain := func(name string) string { return strings.ToLower(strings.ReplaceAll(name, "-", "")) }
	unknown = plain(unknown)
	if len(unknown) < 2 {
		return ""
	}
	begins := ""
	for _, f := range flags {
		switch known := plain(f.Name); {
		case f.Hidden:
		case known == unknown, len(unknown) > 3 && spec.Near(known, unknown):
			return "Did you mean --" + f.Name + "?"
		case len(unknown) > 2 && strings.HasPrefix(known, unknown):
			begins = "Did you mean --" + f.Name + "?"
		}
	}
	if begins != "" {
		return begins
	}
	if hasRootfs(flags) {
		for _, o := range others {
			if o.name == unknown {
				return o.hint
			}
		}
	}
	return ""
}

func hasRootfs(flags []verb.Flag) bool {
	for _, f := range flags {
		if f.Name == "rootfs" {
			return true
		}
	}
	return false
}

// stray tells of a command without "--" before it, where the library would complain about
// the command's own options: `run --rootfs R sh -c ...`.
func stray(args []string) error {
	at := findVerb(args)
	v := verb.Find(args[at])
	list := args[at+1:]
	if at == 0 || v == nil || !v.Tail || !hasRootfs(v.Flags()) || slices.Contains(list, "--") {
		return nil
	}
	rootfs := false
	for i := 0; i < len(list); i++ {
		if !verb.IsOption(list[i]) {
			if !rootfs {
				return nil
			}
			given := strings.Join(append([]string{"mdrun", v.Name}, list[:i]...), " ")
			return &verb.Advice{Text: v.Name + ": the command must follow --", Hint: "`" + given + " -- " + strings.Join(list[i:], " ") + "`."}
		}
		words, more := spell(v.Flags(), list[i:])
		if f, _, _ := verb.Option(v.Flags(), words[0]); f == nil {
			return nil
		}
		rootfs = rootfs || strings.HasPrefix(words[0], "--rootfs")
		i += more
	}
	return nil
}
