package strictjson

import (
	"slices"
	"strconv"
)

// Writer writes JSON without reflection. Whoever calls it opens, closes and names in the
// right order.
type Writer struct {
	Buf    []byte // what has been written
	Indent string // what each level is moved in by; "" writes all on one line
	depth  int
	fresh  bool // no member yet in the innermost object or list
}

// Open begins an object, '{', or a list, '['.
func (w *Writer) Open(c byte) {
	w.Buf = append(w.Buf, c)
	w.depth++
	w.fresh = true
}

// Close ends what Open has begun, with '}' or ']'.
func (w *Writer) Close(c byte) {
	w.depth--
	if !w.fresh {
		w.line()
	}
	w.Buf = append(w.Buf, c)
	w.fresh = false
}

func (w *Writer) line() {
	if w.Indent == "" {
		return
	}
	w.Buf = append(w.Buf, '\n')
	for range w.depth {
		w.Buf = append(w.Buf, w.Indent...)
	}
}

// Next begins a member or an element.
func (w *Writer) Next() {
	if !w.fresh {
		w.Buf = append(w.Buf, ',')
	}
	w.fresh = false
	w.line()
}

// Key begins a member.
func (w *Writer) Key(k string) {
	w.Next()
	w.Buf = append(AppendString(w.Buf, k), ':')
	if w.Indent != "" {
		w.Buf = append(w.Buf, ' ')
	}
}

// String writes a member, as those below do.
func (w *Writer) String(k, v string) { w.Key(k); w.Buf = AppendString(w.Buf, v) }

// Int writes a number.
func (w *Writer) Int(k string, v int64) { w.Key(k); w.Buf = strconv.AppendInt(w.Buf, v, 10) }

// Uint writes a number.
func (w *Writer) Uint(k string, v uint64) { w.Key(k); w.Buf = strconv.AppendUint(w.Buf, v, 10) }

// Bool writes true or false.
func (w *Writer) Bool(k string, v bool) { w.Key(k); w.Buf = strconv.AppendBool(w.Buf, v) }

// Dict writes a map in the order of its keys.
func (w *Writer) Dict(k string, m map[string]string) {
	w.Key(k)
	w.Open('{')
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		w.String(key, m[key])
	}
	w.Close('}')
}
