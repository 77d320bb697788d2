package main

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// permute moves the options of a command before its arguments, so that
// `mdrun delete web --force` means what it says; Go's package flag stops at the first
// argument. What follows "--" stays, and so do the arguments of run, which may be a
// command with options of its own.
func permute(app *cli.App, args []string) []string {
	at, verb := findVerb(app, args)
	if verb == nil || verb.Name == "run" {
		return args
	}
	values := takesValue(verb.Flags)
	var options, rest []string
	list := args[at+1:]
	for i := 0; i < len(list); i++ {
		a := list[i]
		if a == "--" {
			rest = append(rest, list[i+1:]...)
			break
		}
		if !isOption(a) {
			rest = append(rest, a)
			continue
		}
		options = append(options, a)
		if values[strings.TrimLeft(a, "-")] && i+1 < len(list) {
			i++
			options = append(options, list[i])
		}
	}
	out := append(append([]string{}, args[:at+1]...), options...)
	return append(append(out, "--"), rest...)
}

// isOption: "-" alone and a number (kill web -9) are arguments.
func isOption(a string) bool {
	return len(a) > 1 && a[0] == '-' && (a[1] < '0' || a[1] > '9')
}

// findVerb gives the first argument that is not a global option.
func findVerb(app *cli.App, args []string) (int, *cli.Command) {
	values := takesValue(app.Flags)
	for i := 1; i < len(args); i++ {
		a := args[i]
		if !isOption(a) {
			return i, app.Command(a)
		}
		if values[strings.TrimLeft(a, "-")] {
			i++
		}
	}
	return 0, nil
}

func takesValue(flags []cli.Flag) map[string]bool {
	m := map[string]bool{}
	for _, f := range flags {
		if _, isBool := f.(*cli.BoolFlag); isBool {
			continue
		}
		for _, name := range f.Names() {
			m[name] = true
		}
	}
	return m
}
