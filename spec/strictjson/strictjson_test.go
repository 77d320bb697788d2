package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// tree reads any value with the methods that callers have, as encoding/json would.
func tree(r *Reader) any {
	switch r.kind() {
	case "an object":
		m := map[string]any{}
		r.Object(func(key string) bool { m[key] = tree(r); return true })
		return m
	case "a list":
		l := []any{}
		r.Array(func(int) { l = append(l, tree(r)) })
		return l
	case "a string":
		return r.String()
	case "a boolean":
		return r.Bool()
	case "a number":
		text, _ := r.number()
		return json.Number(text)
	}
	if !r.Null() {
		r.unexpected("")
	}
	return nil
}

func read(b []byte) (any, error) {
	r := New("doc", b)
	v := tree(r)
	return v, r.End()
}

// forgiven tells what of a document that encoding/json takes is an error here: "" where
// nothing is.
func forgiven(t *testing.T, b []byte) string {
	if !utf8.Valid(b) {
		return "invalid UTF-8"
	}
	var keys []map[string]bool // of the objects around; nil for a list
	isKey := []bool{false}
	d := json.NewDecoder(bytes.NewReader(b))
	for {
		token, err := d.Token()
		if err != nil {
			return ""
		}
		deepest := len(isKey) - 1
		switch v := token.(type) {
		case json.Delim:
			switch v {
			case '{', '[':
				isKey[deepest] = keys != nil && keys[len(keys)-1] != nil
				keys, isKey = append(keys, nil), append(isKey, v == '{')
				if v == '{' {
					keys[len(keys)-1] = map[string]bool{}
				}
			default:
				keys, isKey = keys[:len(keys)-1], isKey[:deepest]
			}
			if len(keys) > maxDepth {
				return "too deep"
			}
			continue
		case string:
			if strings.ContainsRune(v, 0) {
				return "NUL"
			}
			if strings.ContainsRune(v, utf8.RuneError) && !bytes.ContainsRune(b, utf8.RuneError) {
				return "half of a pair"
			}
			if isKey[deepest] {
				if keys[len(keys)-1][v] {
					return "twice"
				}
				keys[len(keys)-1][v] = true
			}
		}
		isKey[deepest] = !isKey[deepest] && keys != nil && keys[len(keys)-1] != nil
	}
}

// agree compares with encoding/json: what is taken here is taken there and is the same;
// what is taken there and not here has one of the reasons that this package is for.
func agree(t *testing.T, b []byte) {
	t.Helper()
	got, err := read(b)
	var want any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	theirs := d.Decode(&want)
	if theirs == nil && !json.Valid(b) {
		theirs = errors.New("text behind the end")
	}
	switch {
	case err == nil && theirs != nil:
		t.Errorf("%q is taken; encoding/json says %v", b, theirs)
	case err == nil && !reflect.DeepEqual(got, want):
		t.Errorf("%q is read as %#v; encoding/json reads %#v", b, got, want)
	case err != nil && theirs == nil && forgiven(t, b) == "":
		if !bytes.ContainsRune(b, utf8.RuneError) { // a pair may have been broken beside a real one
			t.Errorf("%q is refused: %v", b, err)
		}
	}
	if err != nil {
		sensible(t, b, err)
	}
}

// sensible looks at the error: a place in the document, a line that a terminal can show.
func sensible(t *testing.T, b []byte, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%q: %T", b, err)
	}
	lines := bytes.Split(b, []byte("\n"))
	if e.Line < 1 || e.Line > len(lines) || e.Col < 1 || e.Col > len(lines[e.Line-1])+1 {
		t.Errorf("%q: no place %d:%d", b, e.Line, e.Col)
	}
	if !utf8.ValidString(e.Source) || strings.IndexFunc(e.Source, func(c rune) bool { return !strconv.IsPrint(c) }) >= 0 {
		t.Errorf("%q: shows %q", b, e.Source)
	}
	if e.Caret < 0 || e.Caret > utf8.RuneCountInString(e.Source) {
		t.Errorf("%q: caret at %d of %q", b, e.Caret, e.Source)
	}
}

var documents = []string{
	`{}`, `[]`, `null`, `true`, `false`, `0`, `-0`, `1.5e+7`, `"a"`, ` {"a" : [1, {"b":null}] , "c":"\u00e4\n\ud83d\ude00" } `,
	`{"a":1,"a":2}`, `[1,]`, `{"a":1,}`, `{,}`, `[,]`, `01`, `-`, `1.`, `1.e5`, `.5`, `1e`, `1e+`, `+1`, `--1`, `0x1`, `1_000`, `NaN`, `nul`, `nulll`, `tru`,
	`"a`, `"\x"`, `"\u12"`, `"\ud800"`, `"\ud800\u0041"`, `"\udc00"`, `"\u0000"`, "\"\x00\"", "\"\xff\"", "\"\\n\xff\"", "\"a\nb\"", `{"a"}`, `{"a" 1}`, `{a:1}`, `{'a':1}`,
	`{"a":1 "b":2}`, `[1 2]`, `{} {}`, `{}x`, ``, ` `, "\xef\xbb\xbf{}", "\xff\xfe{\x00", `// x`, `{"a":1} # x`, `[`, `{`, `{"a":`, `{"a":[1,{"b":`,
	strings.Repeat(`[`, maxDepth) + strings.Repeat(`]`, maxDepth), strings.Repeat(`[`, maxDepth+1) + strings.Repeat(`]`, maxDepth+1), strings.Repeat(`{"a":`, 5000),
	`{"A":1,"a":2}`, `{"\u0061":1,"a":2}`, "[\"\u202e\u009b\ufffd\"]", `"` + strings.Repeat("ä", 100) + `" x`,
}

func TestAgreesWithEncodingJSON(t *testing.T) {
	for _, d := range documents {
		agree(t, []byte(d))
		for i := range min(len(d), 60) { // cut off anywhere
			agree(t, []byte(d[:i]))
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, d := range documents {
		f.Add([]byte(d))
	}
	f.Fuzz(agree)
}

func TestErrorsSayWhereAndWhat(t *testing.T) {
	for in, want := range map[string]string{
		"{\n \"a\": ,\n}":            "doc:2:7: unexpected ','",
		"{\"a\":1,\n}":               "doc:2:1: unexpected '}': no comma may stand before it",
		"[1,\n2,\n]":                 "doc:3:1: unexpected ']': no comma may stand before it",
		"":                           "doc:1:1: unexpected end of the document: the document is empty",
		"\n\n":                       "doc:3:1: unexpected end of the document: the document is empty",
		`{"a":`:                      "doc:1:6: unexpected end of the document",
		"\xef\xbb\xbf{}":             "a byte order mark has no place in JSON",
		"\xff\xfe{\x00}\x00":         "JSON is UTF-8, and this is UTF-16",
		"{} // done":                 "doc:1:4: text behind the end of the document",
		"{\n// comment\n\"a\":1}":    "doc:2:1: unexpected '/': JSON has no comments",
		"{'a':1}":                    "doc:1:2: unexpected '\\'': strings stand in double quotes",
		"{\"a\" 1}":                  `doc:1:6: unexpected '1', ":" should stand here`,
		"{\"a\":1 \"b\":2}":          `doc:1:8: unexpected '"', "," or "}" should stand here`,
		"{a:1}":                      "doc:1:2: unexpected 'a', a key in quotes should stand here",
		"{\"a\":\"x\n}":              "doc:1:8: the line ends inside a string: its closing quote is missing",
		"{\"a\":\"x":                 "doc:1:8: the document ends inside a string",
		"[\"\\n\xff\"]":              "doc:1:5: [0]: invalid UTF-8 in a string",
		`{"a":{"b c":[0,"\u0000"]}}`: `doc:1:17: .a["b c"][1]: a NUL byte in a string`,
		`{"a":1,"a":2}`:              `doc:1:8: the key "a" stands twice`,
	} {
		_, err := read([]byte(in))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v\nwant %s", in, err, want)
		}
	}
}

func TestNumbersMustFit(t *testing.T) {
	for _, c := range []struct {
		in    string
		bits  int
		taken bool
	}{
		{"0", 8, true}, {"-0", 8, true}, {"127", 8, true}, {"128", 8, false}, {"-128", 8, true}, {"-129", 8, false}, {"1.0", 8, false}, {"1e1", 8, false},
		{"9223372036854775807", 64, true}, {"9223372036854775808", 64, false}, {`"1"`, 64, false}, {"null", 64, false},
	} {
		r := New("doc", []byte(c.in))
		r.Int(c.bits)
		if (r.End() == nil) != c.taken {
			t.Errorf("Int(%d) of %s: %v", c.bits, c.in, r.Err())
		}
	}
	for in, want := range map[string]string{
		"4294967295": "", "4294967296": "must be a whole number from 0 to 4294967295, not 4294967296", "-1": "not -1", "1.5": "not 1.5", "-0": "not -0", `"5"`: "must be a number, not a string",
	} {
		r := New("doc", []byte(in))
		r.Uint(32)
		if err := r.End(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Uint(32) of %s: %v", in, err)
		}
	}
}

func TestKeysThatNobodyReadsAreNotedWithTheirPlace(t *testing.T) {
	r := New("doc", []byte("{\"a\":1,\n \"b\":{\"c\":[]},\"d\":2,\n\n\"é x\":\"\"}"))
	r.Object(func(key string) bool {
		if key != "a" {
			return false
		}
		r.Int(8)
		return true
	})
	want := []Unknown{{".b", 2, 2}, {".d", 2, 15}, {`["é x"]`, 4, 1}}
	if err := r.End(); err != nil || !slices.Equal(r.Unknown, want) {
		t.Errorf("%v, %v", r.Unknown, err)
	}
}

// The time must grow with the length alone, whatever the document looks like.
func TestAHugeDocumentIsReadInTime(t *testing.T) {
	for name, doc := range map[string]string{
		"unknown keys on one line": `{"a0":0` + manyKeys(500_000) + `}`,
		"one list":                 `[` + strings.Repeat("0,", 4_000_000) + `0]`,
		"one string":               `"` + strings.Repeat(`\n`, 4_000_000) + `"`,
	} {
		begun := time.Now()
		r := New("doc", []byte(doc))
		switch r.kind() {
		case "an object":
			r.Object(func(string) bool { return false })
		default:
			r.Skip()
		}
		if err := r.End(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s: %d bytes took %v", name, len(doc), took)
		}
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := 1; i < n; i++ {
		b.WriteString(`,"a`)
		b.WriteString(strconv.Itoa(i))
		b.WriteString(`":0`)
	}
	return b.String()
}

func TestCaretStaysBelowTheErrorInALongLine(t *testing.T) {
	r := New("doc", []byte(`["`+strings.Repeat("ä", 200)+`" x, "`+strings.Repeat("b", 200)+`"]`))
	tree(r)
	var e *Error
	if err := r.End(); !errors.As(err, &e) {
		t.Fatal(err)
	}
	shown := strings.Split(e.Show(), "\n")
	if len(shown) != 2 || []rune(shown[0])[strings.IndexByte(shown[1], '^')] != 'x' || utf8.RuneCountInString(shown[0]) > 130 {
		t.Errorf("%q", shown)
	}
}
