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

// meant tells which option an unknown one may stand for: dashes aside, one that it is
// the beginning of, or one that differs in a letter.
func meant(flags []verb.Flag, name string) string {
	plain := func(name string) string { return strings.ToLower(strings.ReplaceAll(name, "-", "")) }
	name = plain(name)
	if len(name) < 2 {
		return ""
	}
	begins := ""
	for _, f := range flags {
		switch known := plain(f.Name); {
		case f.Hidden:
		case len(name) > 3 && spec.Near(known, name):
			return "Did you mean --" + f.Name + "?"
		case len(name) > 2 && strings.HasPrefix(known, name):
			begins = "Did you mean --" + f.Name + "?"
		}
	}
	if begins != "" {
		return begins
	}
	if f, _, _ := verb.Option(flags, "--rootfs"); f == nil {
		return ""
	}
	for _, o := range others {
		if o.name == name {
			return o.hint
		}
	}
	return ""
}

// stray tells of a command without "--" before it, where the library would complain about
// the command's own options: `run --rootfs R sh -c ...`.
func stray(args []string) error {
	at := findVerb(args)
	v := verb.Find(args[at])
	list := args[at+1:]
	if at == 0 || v == nil || !v.Tail || slices.Contains(list, "--") {
		return nil
	}
	flags, rootfs := v.Flags(), false
	for i := 0; i < len(list); i++ {
		if !verb.IsOption(list[i]) {
			if !rootfs {
				return nil
			}
			given := strings.Join(append([]string{"mdrun", v.Name}, list[:i]...), " ")
			return &verb.Advice{Text: v.Name + ": the command must follow --", Hint: "`" + given + " -- " + strings.Join(list[i:], " ") + "`."}
		}
		words, more := spell(flags, list[i:])
		f, _, _ := verb.Option(flags, words[0])
		if f == nil {
			return nil
		}
		rootfs = rootfs || f.Name == "rootfs"
		i += more
	}
	return nil
}
