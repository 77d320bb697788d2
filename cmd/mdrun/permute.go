package main

import "github.com/mdrun/mdrun/cmd/mdrun/verb"

// permute moves the options of a command before its arguments, so that
// `mdrun delete web --force` means what it says; Go's package flag stops at the first
// argument. What follows "--" stays, or is the tail of a verb that has one; so does what
// follows the first argument of a verb that takes a command with options of its own.
// Options get their long names: the library refuses two names of one flag.
func permute(args []string) (out, tail []string) {
	at := findVerb(args)
	v := verb.Find(args[at])
	if at == 0 || v == nil {
		return args, nil
	}
	var ours, rest []string
	list := args[at+1:]
	for i := 0; i < len(list); i++ {
		a := list[i]
		switch {
		case a == "--" && v.Tail:
			tail, i = list[i+1:], len(list)
		case a == "--":
			rest, i = append(rest, list[i+1:]...), len(list)
		case !verb.IsOption(a) && v.Command:
			rest, i = list[i:], len(list)
		case !verb.IsOption(a):
			rest = append(rest, a)
		case a == "--help" || a == "-h":
			return append(args[:at+1:at+1], a), nil // whatever else there is
		default:
			words, more := spell(v.Flags(), list[i:])
			ours, i = append(ours, words...), i+more
			if more > 0 && i == len(list) {
				// Its value is missing: nothing may stand where it would be taken for it.
				return append(args[:at+1:at+1], ours...), nil
			}
		}
	}
	out = append(args[:at+1:at+1], ours...)
	return append(append(out, "--"), rest...), tail
}

// spell gives the option that list begins with under its long name, and how many of
// the words after it are its value.
func spell(flags []verb.Flag, list []string) (words []string, more int) {
	f, value, given := verb.Option(flags, list[0])
	switch {
	case f == nil:
		for _, s := range verb.Switches(flags, list[0]) {
			words = append(words, "--"+s.Name)
		}
		if words == nil {
			words = list[:1:1]
		}
		return words, 0
	case given:
		return []string{"--" + f.Name + "=" + value}, 0
	case f.Value == "":
		return []string{"--" + f.Name}, 0
	}
	return append([]string{"--" + f.Name}, list[1:min(2, len(list))]...), 1
}

// findVerb gives the place of the first argument that is not a global option; 0 where
// there is none.
func findVerb(args []string) int {
	for i := 1; i < len(args); i++ {
		a := args[i]
		if a == "--" && i+1 < len(args) {
			return i + 1
		}
		if !verb.IsOption(a) {
			return i
		}
		if f, _, given := verb.Option(verb.Global(), a); f != nil && f.Value != "" && !given {
			i++
		}
	}
	return 0
}
