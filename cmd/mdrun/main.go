// Command mdrun is a container runtime: it takes an OCI bundle through the life of a
// container. Its verbs, flags and outputs are runc's. One file per verb; what they do
// is in package libcontainer.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer"
	"github.com/mdrun/mdrun/spec"
)

// Set by the Makefile.
var (
	version = "unknown"
	commit  = ""
)

func main() {
	// Whatever a caller left open must not reach the container (CVE-2024-21626);
	// --preserve-fds names what may. close_range(2): Linux 5.11 for this flag.
	_ = unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC)
	os.Exit(run(os.Args))
}

// exitStatus is the end of a command that has nothing more to say.
type exitStatus int

func (s exitStatus) Error() string { return "status" }

// run gives the status to exit with.
func run(args []string) int {
	app := newApp()
	err := app.Run(permute(app, args))
	var status exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	report(err)
	return 1
}

func newApp() *cli.App {
	return &cli.App{
		Name:                      "mdrun",
		Usage:                     "an OCI container runtime",
		UsageText:                 "mdrun [global options] command [options] [arguments]",
		Version:                   versionText(),
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		UseShortOptionHandling:    false,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              usageError,
		Action:                    noCommand,
		Before:                    prepare,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "root", Usage: "`DIR` of the containers' state (default: " + defaultRoot() + ")"},
			&cli.StringFlag{Name: "log", Usage: "append warnings and errors to `FILE`"},
			&cli.StringFlag{Name: "log-format", Value: "text", Usage: "`FORMAT` of the log: text or json"},
			&cli.BoolFlag{Name: "debug", Usage: "log what is done, step by step"},
			&cli.BoolFlag{Name: "systemd-cgroup", Usage: "make cgroups through systemd (not supported yet)"},
			&cli.StringFlag{Name: "rootless", Value: "auto", Usage: "accepted for compatibility: true, false or auto"},
			&cli.StringFlag{Name: "criu", Hidden: true},
		},
		Commands: withDefaults(
			createCommand(), startCommand(), stateCommand(), killCommand(), deleteCommand(), runCommand(), listCommand(),
			specCommand(), featuresCommand(), explainCommand(), helpCommand(),
		),
	}
}

// withDefaults sets what all verbs share. Without HideHelpCommand a container called
// "help" could not be deleted.
func withDefaults(verbs ...*cli.Command) []*cli.Command {
	for _, v := range verbs {
		v.HideHelpCommand = true
		v.OnUsageError = usageError
	}
	return verbs
}

func init() {
	cli.VersionPrinter = func(c *cli.Context) { fmt.Fprintln(c.App.Writer, "mdrun version "+c.App.Version) }
	cli.OsExiter = func(int) {}
}

func versionText() string {
	lines := []string{version}
	if commit != "" {
		lines = append(lines, "commit: "+commit)
	}
	return strings.Join(append(lines, "spec: "+spec.Version), "\n")
}

// usageError names the command that tells more; the usage itself would bury the error.
func usageError(c *cli.Context, err error, _ bool) error {
	about := "mdrun --help"
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != "mdrun" {
		about = "mdrun " + c.Command.Name + " --help"
	}
	return &advice{text: err.Error(), hint: "`" + about + "` lists the options."}
}

func noCommand(c *cli.Context) error {
	if !c.Args().Present() {
		return cli.ShowAppHelp(c)
	}
	report(&advice{text: fmt.Sprintf("no command %q", c.Args().First()), hint: "`mdrun --help` lists the commands."})
	return exitStatus(3)
}

func helpCommand() *cli.Command {
	return &cli.Command{
		Name: "help", Usage: "tell about a command", ArgsUsage: "[COMMAND]",
		Action: func(c *cli.Context) error {
			if name := c.Args().First(); name != "" {
				return cli.ShowCommandHelp(&cli.Context{App: c.App, Context: c.Context}, name)
			}
			c.Command = nil
			return cli.ShowAppHelp(c)
		},
	}
}

// prepare opens the log before anything can go wrong.
func prepare(c *cli.Context) error {
	return openLog(c.String("log"), c.String("log-format"), c.Bool("debug"))
}

// runtime gives the runtime that the global options describe.
func runtime(c *cli.Context) *libcontainer.Runtime {
	root := c.String("root")
	if root == "" {
		root = defaultRoot()
	}
	if abs, err := filepath.Abs(root); err == nil {
		root = abs
	}
	return &libcontainer.Runtime{Root: root, Warn: warn, Debug: debugHook()}
}

// defaultRoot is /run/mdrun, and the user's own directory for who is not root, also
// inside a user namespace where they look like root.
func defaultRoot() string {
	dir, user := os.Getenv("XDG_RUNTIME_DIR"), os.Getenv("USER")
	if dir != "" && (os.Geteuid() != 0 || user != "" && user != "root") {
		return filepath.Join(dir, "mdrun")
	}
	return "/run/mdrun"
}

// arguments checks how many there are; most is -1 for any number.
func arguments(c *cli.Context, least, most int) error {
	n := c.NArg()
	if n >= least && (most < 0 || n <= most) {
		return nil
	}
	text := fmt.Sprintf("%s: takes %s, not %d arguments", c.Command.Name, c.Command.ArgsUsage, n)
	if n == 0 {
		text = fmt.Sprintf("%s: needs %s", c.Command.Name, c.Command.ArgsUsage)
	}
	return &advice{text: text, hint: "`mdrun " + c.Command.Name + " --help` tells more."}
}

// advice is an error of the command line.
type advice struct{ text, hint string }

func (a *advice) Error() string { return a.text }

// noSystemd refuses where the answer matters: clients pass the flag to every command.
func noSystemd(c *cli.Context) error {
	if !c.Bool("systemd-cgroup") {
		return nil
	}
	return &advice{text: c.Command.Name + ": --systemd-cgroup is not supported yet", hint: "Configure the cgroupfs driver, and give .linux.cgroupsPath as a path."}
}

func write(c *cli.Context, data []byte) error {
	_, err := io.Writer(c.App.Writer).Write(data)
	return err
}
