package libcontainer

import (
	"sort"
	"strconv"
	"time"

	"github.com/mdrun/mdrun/spec/strictjson"
)

// writer builds JSON without reflection: the record is written several times in
// every create, and package encoding/json would first study its type.
type writer struct {
	buf    []byte
	indent bool
	depth  int
	fresh  bool // no member yet in the innermost object or list
}

func (w *writer) open(c byte) {
	w.buf = append(w.buf, c)
	w.depth++
	w.fresh = true
}

func (w *writer) close(c byte) {
	w.depth--
	if !w.fresh {
		w.line()
	}
	w.buf = append(w.buf, c)
	w.fresh = false
}

func (w *writer) line() {
	if !w.indent {
		return
	}
	w.buf = append(w.buf, '\n')
	for range w.depth {
		w.buf = append(w.buf, ' ', ' ')
	}
}

// next begins a member or an element.
func (w *writer) next() {
	if !w.fresh {
		w.buf = append(w.buf, ',')
	}
	w.fresh = false
	w.line()
}

func (w *writer) key(k string) {
	w.next()
	w.buf = AppendString(w.buf, k)
	w.buf = append(w.buf, ':')
	if w.indent {
		w.buf = append(w.buf, ' ')
	}
}

func (w *writer) str(k, v string) { w.key(k); w.buf = AppendString(w.buf, v) }

func (w *writer) num(k string, v int64) { w.key(k); w.buf = strconv.AppendInt(w.buf, v, 10) }

func (w *writer) unsigned(k string, v uint64) { w.key(k); w.buf = strconv.AppendUint(w.buf, v, 10) }

func (w *writer) boolean(k string, v bool) { w.key(k); w.buf = strconv.AppendBool(w.buf, v) }

func (w *writer) time(k string, v time.Time) {
	w.key(k)
	w.buf = append(v.AppendFormat(append(w.buf, '"'), time.RFC3339Nano), '"')
}

// dict writes a map of strings in the order of its keys.
func (w *writer) dict(k string, m map[string]string) {
	w.key(k)
	w.open('{')
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		w.str(key, m[key])
	}
	w.close('}')
}

// AppendString appends s as a JSON string. A byte that is no UTF-8 becomes U+FFFD.
func AppendString(b []byte, s string) []byte { return strictjson.AppendString(b, s) }

// AppendJSON appends the state as JSON: indented for state, on one line for list.
func (s *State) AppendJSON(b []byte, indent bool) []byte {
	w := &writer{buf: b, indent: indent}
	w.open('{')
	w.str("ociVersion", s.OCIVersion)
	w.str("id", s.ID)
	w.num("pid", int64(s.PID))
	w.str("status", string(s.Status))
	w.str("bundle", s.Bundle)
	w.str("rootfs", s.Rootfs)
	w.time("created", s.Created)
	if len(s.Annotations) > 0 {
		w.dict("annotations", s.Annotations)
	}
	w.str("owner", s.Owner)
	w.close('}')
	return w.buf
}
