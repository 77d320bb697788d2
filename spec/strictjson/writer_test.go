package strictjson

import (
	"bytes"
	"encoding/json"
	"testing"
	"testing/quick"
)

// agrees compares with encoding/json, by what a reader makes of it.
func agrees(t *testing.T, s string) {
	t.Helper()
	ours := AppendString(nil, s)
	theirs, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var got, want string
	if err := json.Unmarshal(ours, &got); err != nil {
		t.Fatalf("%q: %s: %v", s, ours, err)
	}
	if err := json.Unmarshal(theirs, &want); err != nil || got != want {
		t.Errorf("%q: %s, and encoding/json writes %s", s, ours, theirs)
	}
	if bytes.ContainsFunc(ours, func(c rune) bool { return c < 0x20 || c == 0x7f }) {
		t.Errorf("%q: %q would drive a terminal", s, ours)
	}
}

func TestStringsAgreeWithEncodingJSON(t *testing.T) {
	for _, s := range []string{"", "a", "\"\\/", "\b\f\n\r\t\v\x00\x1f\x7f", "é日本😀", "\xff", "a\xc3", "\xed\xa0\x80", "\u2028\u2029<>&", "\ufffd"} {
		agrees(t, s)
	}
	if err := quick.Check(func(b []byte) bool { agrees(t, string(b)); return !t.Failed() }, nil); err != nil {
		t.Error(err)
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("é\x00\xff\"")
	f.Fuzz(agrees)
}
