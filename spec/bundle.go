// Package spec says what a bundle asks for (runtime-spec config.md): it reads
// config.json strictly, checks it, reports all problems at once, each with its place,
// and refuses by name what mdrun does not support, so that nothing is ever ignored in
// silence. It touches nothing but the bundle's config.json.
//
// A container can also be described by flags of the command line: FromFlags makes a
// configuration of them, and InMemory a bundle that is in no directory. One table,
// makers, says which flag makes what; its functions are in flags_*.go, by topic.
package spec

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/spec/strictjson"
)

// ConfigFile is the name of the configuration in a bundle (bundle.md).
const ConfigFile = "config.json"

// sizeLimit is the largest configuration that is read, in bytes.
const sizeLimit = 16 << 20

// Bundle is a bundle whose configuration has passed every check.
type Bundle struct {
	Dir      string // absolute
	Spec     *specs.Spec
	Raw      []byte    // config.json as it was read, or would be
	Warnings []Problem // what is odd but no failure
}

// Problem is one thing that is wrong, or odd, in a configuration.
type Problem struct {
	Field     string // where, as a jq path: `jq .mounts[3].source config.json` shows it
	Text      string // what
	Hint      string // what to do, a sentence; may be empty
	Line, Col int    // from 1; 0 where only the field is known
	near      string // the known key that an unknown one may stand for
}

func (p Problem) String() string {
	if p.Field == "" {
		return p.Text
	}
	return p.Field + ": " + p.Text
}

// Error is a configuration that cannot be used, with every problem it has.
type Error struct {
	File     string
	Problems []Problem
	Source   string // the broken line with a caret below it; empty when the JSON is sound
	// Misspelt are sentences about unknown keys that may be the cause.
	Misspelt []string
	Err      error // the kernel's answer, where there is one
}

// Unwrap gives the errno.
func (e *Error) Unwrap() error { return e.Err }

// Error names all problems on one line.
func (e *Error) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.String()
		if p.Line > 0 {
			texts[i] = e.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Col) + ": " + texts[i]
		}
	}
	if len(texts) > 1 {
		return strconv.Itoa(len(texts)) + " problems in " + e.File + ": " + strings.Join(texts, "; ")
	}
	return strings.Join(texts, "")
}

// Load reads and checks the configuration of the bundle in dir.
func Load(dir string) (*Bundle, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, &Error{File: dir, Problems: []Problem{{Text: "the working directory cannot be told: " + err.Error(), Hint: "Give --bundle as an absolute path."}}}
	}
	raw, err := readConfig(abs)
	if err != nil {
		return nil, err
	}
	s, warnings, err := Decode(ConfigFile, raw)
	if err != nil {
		return nil, err
	}
	return &Bundle{Dir: abs, Spec: s, Raw: raw, Warnings: warnings}, nil
}

// InMemory makes a bundle of a configuration that is in no file. It takes the way of one
// that is: what is run is what a config.json with the text of Encode would run. dir
// stands for the bundle's directory.
func InMemory(dir string, s *specs.Spec) (*Bundle, error) {
	raw := Encode(s)
	read, warnings, err := Decode(ConfigFile, raw)
	if err != nil {
		return nil, err
	}
	return &Bundle{Dir: dir, Spec: read, Raw: raw, Warnings: warnings}, nil
}

// Decode reads and checks a configuration that is in memory; name stands for it in
// messages. The warnings are valid whether or not there is an error.
func Decode(name string, data []byte) (*specs.Spec, []Problem, error) {
	s, warnings, err := decode(name, data)
	if err != nil {
		return nil, warnings, jsonError(name, err, warnings)
	}
	c := &checker{spec: s, warnings: warnings}
	c.all()
	if len(c.problems) > 0 {
		return nil, c.warnings, &Error{File: name, Problems: c.problems, Misspelt: Misspelt(c.warnings)}
	}
	return s, c.warnings, nil
}

// jsonError: a broken document is broken, whatever its keys are; but of a value that is
// missing, or of a wrong type, the key may be the cause.
func jsonError(name string, err error, odd []Problem) error {
	var e *strictjson.Error
	if !errors.As(err, &e) {
		return err
	}
	p := Problem{Field: e.Field, Text: e.Text, Line: e.Line, Col: e.Col}
	switch {
	case e.Text == "must be a list, not a string":
		p.Hint = `A list stands in brackets, also of one: ["sh"].`
	case e.Text == ".path is missing" && strings.HasPrefix(e.Field, ".hooks."):
		p.Hint = pathHint(e.Field)
	}
	if p.Field == "" {
		odd = nil
	}
	return &Error{File: name, Problems: []Problem{p}, Source: e.Show(), Misspelt: Misspelt(odd)}
}

// readConfig opens without waiting (a FIFO) and reads only a regular file of a
// sensible size.
func readConfig(dir string) ([]byte, error) {
	path := filepath.Join(dir, ConfigFile)
	st, err := os.Stat(dir)
	if err == nil && !st.IsDir() {
		err = &os.PathError{Op: "open", Path: dir, Err: unix.ENOTDIR}
	}
	if err != nil {
		return nil, &Error{File: path, Problems: []Problem{{Text: "the bundle cannot be read: " + err.Error(), Hint: "Give --bundle the directory that holds config.json."}}}
	}
	// Not by package os, whose poller costs more system calls than the reading.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, cannotOpen(dir, path, err)
	}
	defer unix.Close(fd)
	var file unix.Stat_t
	if err := unix.Fstat(fd, &file); err != nil {
		return nil, &os.PathError{Op: "fstat", Path: path, Err: err}
	}
	switch {
	case file.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, &Error{File: path, Problems: []Problem{{Text: path + " is not a regular file", Hint: "Put the configuration itself there."}}}
	case file.Size > sizeLimit:
		return nil, &Error{File: path, Problems: []Problem{{Text: path + " is larger than 16 MiB", Hint: "No configuration is: is it the right file?"}}}
	}
	data, err := readFull(fd, int(file.Size))
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: path, Err: err}
	}
	return data, nil
}

// cannotOpen says why a configuration cannot be read.
func cannotOpen(dir, path string, err error) error {
	p := Problem{Text: (&os.PathError{Op: "open", Path: path, Err: err}).Error()}
	switch err {
	case unix.ENOENT:
		p.Text = "JSON specification file " + ConfigFile + " not found in " + dir
		p.Hint = "`mdrun spec --bundle " + dir + "` makes one."
		if target, err := os.Readlink(path); err == nil {
			p.Hint = "It is a symbolic link to " + target + ", which is not there."
		}
	case unix.ELOOP:
		p.Hint = "It is a symbolic link that leads to itself: put the configuration itself there."
	case unix.EACCES:
		p.Hint = "It is closed to user " + strconv.Itoa(unix.Geteuid()) + ": see the mode and the owner of it and of the directories above."
	}
	return &Error{File: path, Problems: []Problem{p}, Err: err}
}

// readFull reads so many bytes, or fewer where the file has become shorter.
func readFull(fd, size int) ([]byte, error) {
	data := make([]byte, size)
	got := 0
	for got < size {
		n, err := unix.Read(fd, data[got:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return data[:got], nil
		}
		got += n
	}
	return data, nil
}
