// Package strictjson reads JSON (RFC 8259) and forgives nothing: keys are compared by
// case, a key that stands twice, text behind the document, a NUL byte in a string,
// invalid UTF-8 and a number that does not fit are errors. It keeps positions, and the
// path of what is being read, for messages that a person can follow. There is no
// reflection: the caller pulls value by value.
package strictjson

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds nesting: a document is read by functions that call each other.
const maxDepth = 1000

// Error is the first thing that is wrong with a document.
type Error struct {
	File      string
	Line, Col int    // from 1; Col counts bytes
	Field     string // the jq path of the value; "" where the document itself is broken
	Text      string
	Source    string // the line, without what surrounds it when it is long
	Caret     int    // where in Source the error is, from 0
}

// Error reads file:line:column: field: text.
func (e *Error) Error() string {
	at := e.File + ":" + strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Col) + ": "
	if e.Field != "" {
		at += e.Field + ": "
	}
	return at + e.Text
}

// Show is the line of the error with a caret below it.
func (e *Error) Show() string {
	if e.Source == "" {
		return ""
	}
	return e.Source + "\n" + strings.Repeat(" ", e.Caret) + "^"
}

// Unknown is a key that nobody reads.
type Unknown struct {
	Field     string // the jq path
	Line, Col int
}

// Reader reads one document. The first error sticks: after it every method returns
// zero values, so that callers check once, at the end.
type Reader struct {
	file    string
	data    []byte
	pos     int
	depth   int
	path    []string
	err     *Error
	Unknown []Unknown
}

// New reads data; file names it in messages.
func New(file string, data []byte) *Reader { return &Reader{file: file, data: data} }

// Err is the first error; nil if there was none.
func (r *Reader) Err() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// Field is the jq path of the value that is being read.
func (r *Reader) Field() string {
	if len(r.path) == 0 {
		return "."
	}
	return strings.Join(r.path, "")
}

// Fail reports what is wrong with the value that is being read.
func (r *Reader) Fail(text string) { r.fail(r.pos, r.Field(), text) }

func (r *Reader) broken(text string) { r.fail(r.pos, "", text) }

func (r *Reader) fail(pos int, field, text string) {
	if r.err != nil {
		return
	}
	if field == "." {
		field = ""
	}
	e := &Error{File: r.file, Field: field, Text: text}
	e.Line, e.Col = r.position(pos)
	e.Source, e.Caret = r.source(pos)
	r.err = e
}

func (r *Reader) position(pos int) (line, col int) {
	pos = min(pos, len(r.data))
	before := string(r.data[:pos])
	return 1 + strings.Count(before, "\n"), pos - strings.LastIndexByte(before, '\n')
}

// source cuts a window out of a long line, and shows bytes that a terminal would obey
// as dots.
func (r *Reader) source(pos int) (string, int) {
	const window = 60
	pos = min(pos, len(r.data))
	start, end := pos, pos
	for start > 0 && r.data[start-1] != '\n' && pos-start < window {
		start--
	}
	for end < len(r.data) && r.data[end] != '\n' && end-pos < window {
		end++
	}
	line := []byte(strings.ToValidUTF8(string(r.data[start:end]), "?"))
	for i, c := range line {
		if c < ' ' || c == 0x7f {
			line[i] = ' '
		}
	}
	return string(line), utf8.RuneCount(r.data[start:pos])
}

func (r *Reader) space() byte {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return r.data[r.pos]
		}
	}
	return 0
}

// End makes sure that nothing follows the document.
func (r *Reader) End() error {
	if r.err == nil {
		r.space()
		if r.pos < len(r.data) {
			r.broken("text behind the end of the document")
		}
	}
	return r.Err()
}

// Null takes a null if one is next.
func (r *Reader) Null() bool {
	if r.err != nil {
		return true
	}
	if r.space() == 'n' {
		return r.word("null")
	}
	return false
}

func (r *Reader) word(w string) bool {
	if strings.HasPrefix(string(r.data[r.pos:min(len(r.data), r.pos+len(w))]), w) {
		r.pos += len(w)
		return true
	}
	r.broken("unexpected " + r.here())
	return false
}

// here names what stands at the position.
func (r *Reader) here() string {
	if r.pos >= len(r.data) {
		return "end of the document"
	}
	c, _ := utf8.DecodeRune(r.data[r.pos:])
	return strconv.QuoteRune(c)
}

// kind names the value that is next, for "must be X, not Y".
func (r *Reader) kind() string {
	switch c := r.space(); {
	case c == '"':
		return "a string"
	case c == '{':
		return "an object"
	case c == '[':
		return "a list"
	case c == 't' || c == 'f':
		return "a boolean"
	case c == 'n':
		return "null"
	case c == '-' || c >= '0' && c <= '9':
		return "a number"
	}
	return ""
}

// want begins a value of one kind.
func (r *Reader) want(c byte, what string) bool {
	if r.err != nil {
		return false
	}
	if r.space() == c {
		return true
	}
	if kind := r.kind(); kind != "" {
		r.Fail("must be " + what + ", not " + kind)
	} else {
		r.broken("unexpected " + r.here())
	}
	return false
}

func (r *Reader) enter() bool {
	r.depth++
	r.pos++
	if r.depth > maxDepth {
		r.broken("nested too deeply")
		return false
	}
	return true
}

// Object reads an object: member is called for every key, reads its value, and tells
// whether it knew the key; the value of a key that it did not know is passed over and
// noted.
func (r *Reader) Object(member func(key string) bool) {
	if !r.want('{', "an object") || !r.enter() {
		return
	}
	var keys seen
	for first := true; r.err == nil; first = false {
		if r.space() == '}' && first {
			break
		}
		at := r.pos
		key := r.key()
		if !keys.add(key) {
			r.fail(at, r.Field(), "the key "+strconv.Quote(key)+" stands twice")
		}
		r.path = append(r.path, pathOf(key))
		if r.err == nil && !member(key) {
			line, col := r.position(at)
			r.Unknown = append(r.Unknown, Unknown{r.Field(), line, col})
			r.Skip()
		}
		r.path = r.path[:len(r.path)-1]
		if r.more('}') {
			break
		}
	}
	r.leave()
}

// seen holds the keys of one object: a short list, and a map when it grows long.
type seen struct {
	few  []string
	many map[string]bool
}

func (s *seen) add(key string) (fresh bool) {
	const short = 24
	if s.many == nil && len(s.few) == short {
		s.many = make(map[string]bool, 4*short)
		for _, k := range s.few {
			s.many[k] = true
		}
	}
	if s.many != nil {
		fresh = !s.many[key]
		s.many[key] = true
		return fresh
	}
	for _, k := range s.few {
		if k == key {
			return false
		}
	}
	s.few = append(s.few, key)
	return true
}

func (r *Reader) leave() {
	r.depth--
	if r.err == nil {
		r.pos++ // the closing bracket
	}
}

func (r *Reader) key() string {
	if r.err == nil && r.space() != '"' {
		r.broken("unexpected " + r.here() + ", a key in quotes should stand here")
		return ""
	}
	key := r.text()
	if r.err == nil && r.space() != ':' {
		r.broken("unexpected " + r.here() + `, ":" should stand here`)
		return ""
	}
	r.pos++
	return key
}

// more takes the comma, or tells that the end is next.
func (r *Reader) more(end byte) (last bool) {
	if r.err != nil {
		return true
	}
	switch r.space() {
	case ',':
		r.pos++
		return false
	case end:
		return true
	}
	r.broken("unexpected " + r.here() + `, "," or "` + string(rune(end)) + `" should stand here`)
	return true
}

func pathOf(key string) string {
	for i, c := range key {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return "[" + strconv.Quote(key) + "]"
		}
	}
	if key == "" {
		return `[""]`
	}
	return "." + key
}

// Array reads a list: element is called for every one and reads it.
func (r *Reader) Array(element func(i int)) {
	if !r.want('[', "a list") || !r.enter() {
		return
	}
	for i := 0; r.err == nil; i++ {
		if r.space() == ']' && i == 0 {
			break
		}
		r.path = append(r.path, "["+strconv.Itoa(i)+"]")
		element(i)
		r.path = r.path[:len(r.path)-1]
		if r.more(']') {
			break
		}
	}
	r.leave()
}

// String reads a string.
func (r *Reader) String() string {
	if !r.want('"', "a string") {
		return ""
	}
	return r.text()
}

// text reads a string of which the first quote is next. Most hold no escape and are
// taken as they are.
func (r *Reader) text() string {
	if r.err != nil {
		return ""
	}
	start := r.pos + 1
	for i := start; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"':
			return r.valid(string(r.data[start:i]), start, i+1)
		case c == '\\':
			return r.escaped(start, i)
		case c < ' ':
			r.pos = i
			r.broken("a control character must be escaped in a string")
			return ""
		}
	}
	r.pos = len(r.data)
	r.broken("the document ends inside a string")
	return ""
}

func (r *Reader) valid(s string, start, next int) string {
	if !utf8.ValidString(s) {
		for i, c := range s {
			if c == utf8.RuneError {
				if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
					r.fail(start+i, r.Field(), "invalid UTF-8 in a string")
					return ""
				}
			}
		}
	}
	r.pos = next
	return s
}

func (r *Reader) escaped(start, at int) string {
	var b strings.Builder
	b.Write(r.data[start:at])
	for i := at; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"':
			return r.valid(b.String(), start, i+1)
		case c < ' ':
			r.pos = i
			r.broken("a control character must be escaped in a string")
			return ""
		case c == '\\':
			n := r.escape(&b, i)
			if r.err != nil {
				return ""
			}
			i += n - 1
		default:
			b.WriteByte(c)
		}
	}
	r.pos = len(r.data)
	r.broken("the document ends inside a string")
	return ""
}

var escapes = [...]struct{ name, is byte }{{'"', '"'}, {'\\', '\\'}, {'/', '/'}, {'b', '\b'}, {'f', '\f'}, {'n', '\n'}, {'r', '\r'}, {'t', '\t'}}

// escape reads one escape sequence and gives its length.
func (r *Reader) escape(b *strings.Builder, at int) int {
	if at+1 < len(r.data) {
		for _, e := range escapes {
			if e.name == r.data[at+1] {
				b.WriteByte(e.is)
				return 2
			}
		}
	}
	c, ok := r.hex(at)
	n := 6
	if ok && c >= 0xd800 && c < 0xdc00 {
		low, paired := r.hex(at + 6)
		ok = paired && low >= 0xdc00 && low < 0xe000
		c = 0x10000 + (c-0xd800)<<10 + (low - 0xdc00)
		n = 12
	} else if c >= 0xdc00 && c < 0xe000 {
		ok = false
	}
	r.pos = at
	switch {
	case !ok:
		r.broken("invalid escape in a string")
	case c == 0:
		r.Fail("a NUL byte in a string")
	}
	b.WriteRune(c)
	return n
}

func (r *Reader) hex(at int) (rune, bool) {
	if at+6 > len(r.data) || r.data[at] != '\\' || r.data[at+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(r.data[at+2:at+6]), 16, 16)
	return rune(n), err == nil
}

// Bool reads true or false.
func (r *Reader) Bool() bool {
	if r.err != nil {
		return false
	}
	switch r.space() {
	case 't':
		return r.word("true")
	case 'f':
		r.word("false")
		return false
	}
	r.want(0, "true or false")
	return false
}

// number takes the text of a number, of any kind.
func (r *Reader) number() (text string, whole bool) {
	if r.err != nil {
		return "", false
	}
	c := r.space()
	if c != '-' && (c < '0' || c > '9') {
		r.want(0, "a number")
		return "", false
	}
	start := r.pos
	if c == '-' {
		r.pos++
	}
	first := r.pos
	r.digits()
	if r.pos == first || r.data[first] == '0' && r.pos > first+1 {
		r.broken("a number that is none")
		return "", false
	}
	whole = true
	if r.pos < len(r.data) && r.data[r.pos] == '.' {
		whole = false
		r.pos++
		r.digits()
	}
	if r.pos < len(r.data) && (r.data[r.pos] == 'e' || r.data[r.pos] == 'E') {
		whole = false
		r.pos++
		if r.pos < len(r.data) && (r.data[r.pos] == '+' || r.data[r.pos] == '-') {
			r.pos++
		}
		r.digits()
	}
	if last := r.data[r.pos-1]; last < '0' || last > '9' {
		r.broken("a number that is none")
		return "", false
	}
	return string(r.data[start:r.pos]), whole
}

func (r *Reader) digits() {
	for r.pos < len(r.data) && r.data[r.pos] >= '0' && r.data[r.pos] <= '9' {
		r.pos++
	}
}

// Int reads a whole number of the given width in bits.
func (r *Reader) Int(bits int) int64 {
	at := r.skipTo()
	text, whole := r.number()
	if r.err != nil {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, bits)
	r.checkNumber(at, text, whole, err, "a whole number of "+strconv.Itoa(bits)+" bits")
	return n
}

// Uint reads a whole number that is not negative.
func (r *Reader) Uint(bits int) uint64 {
	at := r.skipTo()
	text, whole := r.number()
	if r.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, bits)
	r.checkNumber(at, text, whole, err, "a whole number from 0 to "+strconv.FormatUint(1<<bits-1, 10))
	return n
}

func (r *Reader) skipTo() int {
	if r.err == nil {
		r.space()
	}
	return r.pos
}

func (r *Reader) checkNumber(at int, text string, whole bool, err error, want string) {
	if !whole || err != nil {
		r.fail(at, r.Field(), "must be "+want+", not "+text)
	}
}

// Skip passes over a value, whatever it is; it must still be valid JSON.
func (r *Reader) Skip() {
	if r.err != nil {
		return
	}
	switch r.kind() {
	case "a string":
		r.text()
	case "an object":
		r.Object(func(string) bool { r.Skip(); return true })
	case "a list":
		r.Array(func(int) { r.Skip() })
	case "a boolean":
		r.Bool()
	case "null":
		r.Null()
	case "a number":
		r.number()
	default:
		r.broken("unexpected " + r.here())
	}
}
