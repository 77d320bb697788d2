// The Go runtime would read /proc/self/cgroup and the whole mount table at every start,
// to learn the CPU limit, and keep a goroutine that does so again. A program that
// lives for milliseconds has no use for it, and on a machine with many containers the
// mount table is long. See the GODEBUG history in the Go documentation, Go 1.25.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command mdrun is a container runtime: it takes an OCI bundle through the life of a
// container. Its verbs, flags and outputs are runc's. What it can do is in package
// verb; here it becomes a command line. A plain command never gets here: it has been
// done when main is reached, see verb/early.go.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/mdrun/mdrun/cmd/mdrun/verb"
	"github.com/mdrun/mdrun/spec"
)

func main() {
	verb.KeepDescriptors()
	os.Exit(run(os.Args, (*verb.Call).Do))
}

// run gives the status to exit with.
func run(args []string, do func(*verb.Call) int) int {
	status := 0
	permuted, tail := permute(args)
	err := newApp(func(c *verb.Call) { c.Tail = tail; status = do(c) }).Run(permuted)
	if err == nil {
		return status
	}
	if strings.HasPrefix(err.Error(), unknown) {
		if command := stray(args); command != nil {
			err = command
		}
	}
	// Clients look for the reason in the log, and would find that of an earlier command.
	verb.LogFrom(args[1:])
	status = verb.Report(err)
	if errors.Is(err, errNoCommand) {
		status = 3 // as with runc
	}
	return status
}

var errNoCommand = errors.New("no command")

func newApp(do func(*verb.Call)) *cli.App {
	app := &cli.App{
		Name:           "mdrun",
		Usage:          "an OCI container runtime",
		UsageText:      "mdrun [global options] command [options] [arguments]",
		Version:        strings.ReplaceAll(versionText(), "\n", "\n   "), // as the help indents it
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   usageError,
		Flags:          options(verb.Global()),
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return cli.ShowAppHelp(c)
			}
			return &verb.Advice{Text: fmt.Sprintf("no command %q", c.Args().First()), Hint: "`mdrun --help` lists the commands.", Err: errNoCommand}
		},
	}
	for _, v := range verb.All() {
		app.Commands = append(app.Commands, command(v, do))
	}
	return app
}

// command: without HideHelpCommand a container called "help" could not be deleted.
func command(v *verb.Verb, do func(*verb.Call)) *cli.Command {
	return &cli.Command{
		Name: v.Name, Usage: v.Usage, UsageText: strings.TrimSpace("mdrun " + v.Name + " [options] " + v.Args), HideHelpCommand: true, OnUsageError: usageError, Flags: options(v.Flags()),
		Action: func(c *cli.Context) error {
			call := &verb.Call{Verb: v, Values: verb.Values{}, Globals: verb.Values{}, Args: c.Args().Slice()}
			given(c, v.Flags(), call.Values)
			given(c.Lineage()[1], verb.Global(), call.Globals)
			do(call)
			return nil
		},
	}
}

// given collects the flags that were on the command line.
func given(c *cli.Context, flags []verb.Flag, values verb.Values) {
	for _, f := range flags {
		switch {
		case !c.IsSet(f.Name):
		case f.Value == "":
			values[f.Name] = []string{strconv.FormatBool(c.Bool(f.Name))}
		case f.Number:
			values[f.Name] = []string{strconv.Itoa(c.Int(f.Name))}
		case f.Many:
			values[f.Name] = *c.Generic(f.Name).(*many)
		default:
			values[f.Name] = []string{c.String(f.Name)}
		}
	}
}

// valueMark divides what a value is called from what the flag is for.
const valueMark = "\x00"

func options(flags []verb.Flag) (list []cli.Flag) {
	for _, f := range flags {
		var short []string
		if f.Short != "" {
			short = []string{f.Short}
		}
		usage := f.Usage
		if f.Many {
			usage += " (may be repeated)"
		}
		if f.Value != "" {
			usage = "`" + f.Value + "`" + valueMark + usage
		}
		switch {
		case f.Value == "":
			list = append(list, &cli.BoolFlag{Name: f.Name, Aliases: short, Usage: usage, Category: f.Group, Hidden: f.Hidden, DisableDefaultText: true})
		case f.Number:
			list = append(list, &cli.IntFlag{Name: f.Name, Aliases: short, Usage: usage, Category: f.Group, Hidden: f.Hidden})
		case f.Many:
			list = append(list, &cli.GenericFlag{Name: f.Name, Aliases: short, Usage: usage, Category: f.Group, Hidden: f.Hidden, Value: &many{}})
		default:
			list = append(list, &cli.StringFlag{Name: f.Name, Aliases: short, Usage: usage, Category: f.Group, Value: f.Default, Hidden: f.Hidden})
		}
	}
	return list
}

// many is what a flag was given that may be repeated. The library's own list goes through
// JSON, which has no place for a path that is not UTF-8.
type many []string

func (m *many) Set(s string) error {
	if s != sameFlag {
		*m = append(*m, s)
	}
	return nil
}

func (m *many) String() string { return "" }

// Serialize is called to give a flag's other names its value: they have this very value.
func (m *many) Serialize() string { return sameFlag }

// sameFlag can't be an argument: no argument has a NUL.
const sameFlag = "\x00"

func init() {
	cli.VersionPrinter = func(c *cli.Context) { fmt.Fprintln(c.App.Writer, "mdrun version "+versionText()) }
	cli.OsExiter = func(int) {}
	// The library takes what a value is called out of the usage and leaves it there too,
	// and prints twice what can be given several times.
	line := cli.FlagStringer
	cli.FlagStringer = func(f cli.Flag) string {
		names, usage, _ := strings.Cut(line(f), "\t")
		if _, rest, ok := strings.Cut(usage, valueMark); ok {
			usage = rest
		}
		names, _, _ = strings.Cut(names, " [ ")
		return names + "\t" + usage
	}
}

func versionText() string {
	lines := []string{verb.Version}
	if verb.Commit != "" {
		lines = append(lines, "commit: "+verb.Commit)
	}
	return strings.Join(append(lines, "spec: "+spec.Version), "\n")
}

// usageError names the command that tells more; the usage itself would bury the error.
func usageError(c *cli.Context, err error, _ bool) error {
	about, flags := "mdrun --help", verb.Global()
	if c.Command != nil {
		if v := verb.Find(c.Command.Name); v != nil {
			about, flags = "mdrun "+v.Name+" --help", v.Flags()
		}
	}
	hint := "`" + about + "` lists the options."
	if name, ok := strings.CutPrefix(err.Error(), unknown); ok {
		if other := meant(flags, name); other != "" {
			hint = other + " " + hint
		}
	}
	return &verb.Advice{Text: err.Error(), Hint: hint}
}

// unknown is how package flag, which the library uses, begins its error.
const unknown = "flag provided but not defined: -"
