package strictjson

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

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
	if strings.TrimSpace(e.Source) == "" {
		return ""
	}
	return e.Source + "\n" + strings.Repeat(" ", e.Caret) + "^"
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

// unexpected reports what stands at the position, and what should.
func (r *Reader) unexpected(should string) {
	at := min(r.pos, len(r.data))
	text := "unexpected end of the document"
	if at < len(r.data) {
		c, _ := utf8.DecodeRune(r.data[at:])
		text = "unexpected " + strconv.QuoteRune(c)
	}
	if why := r.slip(at); why != "" {
		text += ": " + why
	} else if should != "" {
		text += ", " + should + " should stand here"
	}
	r.broken(text)
}

// slip knows what people write that is nearly JSON.
func (r *Reader) slip(at int) string {
	before := bytes.TrimRight(r.data[:at], " \t\r\n")
	begins := func(with string) bool { return bytes.HasPrefix(r.data[at:], []byte(with)) }
	switch {
	case len(r.data) == at && len(before) == 0:
		return "the document is empty"
	case at == 0 && begins("\xef\xbb\xbf"):
		return "a byte order mark has no place in JSON"
	case at == 0 && (begins("\xff\xfe") || begins("\xfe\xff")):
		return "JSON is UTF-8, and this is UTF-16"
	case begins("//") || begins("/*") || begins("#"):
		return "JSON has no comments"
	case (begins("}") || begins("]")) && bytes.HasSuffix(before, []byte(",")):
		return "no comma may stand before it"
	case begins("'"):
		return "strings stand in double quotes"
	}
	return ""
}

// position goes on from where it was asked last: a document with many unknown keys,
// all on one line, asks as often.
func (r *Reader) position(pos int) (line, col int) {
	pos = min(pos, len(r.data))
	if pos < r.last.pos {
		r.last = place{}
	}
	passed := r.data[r.last.pos:pos]
	if i := bytes.LastIndexByte(passed, '\n'); i >= 0 {
		r.last.lines += bytes.Count(passed, []byte("\n"))
		r.last.start = r.last.pos + i + 1
	}
	r.last.pos = pos
	return 1 + r.last.lines, 1 + pos - r.last.start
}

// place is an offset, how many lines end before it, and where its own begins.
type place struct{ pos, lines, start int }

// source cuts a window out of a long line. What a terminal would obey, or would not
// show, becomes a dot.
func (r *Reader) source(pos int) (line string, caret int) {
	const window = 60
	pos = min(pos, len(r.data))
	start, end := pos, pos
	for start > 0 && r.data[start-1] != '\n' && pos-start < window {
		start--
	}
	for start < pos && !utf8.RuneStart(r.data[start]) {
		start++
	}
	for end < len(r.data) && r.data[end] != '\n' && end-pos < window {
		end++
	}
	before := visible(r.data[start:pos])
	return before + visible(bytes.TrimSuffix(r.data[pos:end], []byte("\r"))), utf8.RuneCountInString(before)
}

func visible(line []byte) string {
	var b strings.Builder
	for len(line) > 0 {
		c, n := utf8.DecodeRune(line)
		line = line[n:]
		switch {
		case c == '\t':
			c = ' '
		case c == utf8.RuneError || !strconv.IsPrint(c):
			c = '.'
		}
		b.WriteRune(c)
	}
	return b.String()
}
