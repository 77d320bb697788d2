package strictjson

import "strconv"

// maxDepth bounds nesting: a document is read by functions that call each other.
const maxDepth = 1000

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
		r.path = append(r.path, part{key: key, index: -1})
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

// seen holds the keys of one object: a short list, which costs no memory of its own,
// and a map when it grows long.
type seen struct {
	few  [24]string
	n    int
	many map[string]bool
}

func (s *seen) add(key string) (fresh bool) {
	if s.many == nil && s.n == len(s.few) {
		s.many = make(map[string]bool, 4*len(s.few))
		for _, k := range s.few {
			s.many[k] = true
		}
	}
	if s.many != nil {
		fresh = !s.many[key]
		s.many[key] = true
		return fresh
	}
	for _, k := range s.few[:s.n] {
		if k == key {
			return false
		}
	}
	s.few[s.n] = key
	s.n++
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
		r.unexpected("a key in quotes")
		return ""
	}
	key := r.text()
	if r.err == nil && r.space() != ':' {
		r.unexpected(`":"`)
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
	r.unexpected(`"," or "` + string(rune(end)) + `"`)
	return true
}

// part is one step of a path; it becomes text only where a message needs it.
type part struct {
	key   string
	index int // in a list; -1 for a key
}

func (p part) String() string {
	if p.index >= 0 {
		return "[" + strconv.Itoa(p.index) + "]"
	}
	return pathOf(p.key)
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
		r.path = append(r.path, part{index: i})
		element(i)
		r.path = r.path[:len(r.path)-1]
		if r.more(']') {
			break
		}
	}
	r.leave()
}
