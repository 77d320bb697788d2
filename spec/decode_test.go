package spec

import (
	"errors"
	"strings"
	"testing"
)

// A key that is not taken is told with the error that came of it.
func TestAMisspeltKeyIsToldWithTheError(t *testing.T) {
	whole := string(Encode(Default()))
	for _, c := range []struct{ old, new, says, misspelt string }{
		{`"root":`, `"Root":`, ".root: the root filesystem is missing", ".Root is an unknown key: did you mean .root?"},
		{`"root":`, `"roots":`, ".root: the root filesystem is missing", ".roots is an unknown key: did you mean .root?"},
		{`"args":`, `"Args":`, ".process.args: args must not be empty", ".process.Args is an unknown key: did you mean .process.args?"},
		{`"root":`, `"Mounts":1,"Root":`, ".root", ".Mounts is an unknown key: did you mean .mounts?\n.Root is an unknown key: did you mean .root?"},
		{`"hard":`, `"Hard":`, ".hard is missing", ".process.rlimits[0].Hard is an unknown key: did you mean .process.rlimits[].hard?"},
		{`"cwd": "/"`, `"frob": 1`, ".process.cwd: the working directory is missing", ""},
		{`"root":`, `"Root":1,,`, "unexpected ','", ""},
	} {
		if !strings.Contains(whole, c.old) {
			t.Fatalf("no %s in %s", c.old, whole)
		}
		_, _, err := Decode("config.json", []byte(strings.Replace(whole, c.old, c.new, 1)))
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Error(), c.says) || strings.Join(e.Misspelt, "\n") != c.misspelt {
			t.Errorf("%s: %+v", c.new, err)
		}
	}
}
