package spec

//go:generate go run ./gen

import (
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/mdrun/mdrun/spec/strictjson"
)

// decoder reads a specification; the methods are generated from its types.
type decoder struct{ r *strictjson.Reader }

// require reports a member that must be there; seen has a bit for each name.
func (d *decoder) require(seen uint, names ...string) {
	for i, name := range names {
		if seen&(1<<i) == 0 && d.r.Err() == nil {
			d.r.Fail("." + name + " is missing")
		}
	}
}

// decode reads a document and notes the keys that it does not know.
func decode(name string, data []byte) (*specs.Spec, []Problem, error) {
	d := &decoder{strictjson.New(name, data)}
	s := &specs.Spec{}
	d.readSpec(s)
	err := d.r.End()
	return s, unknownKeys(d.r.Unknown), err
}

// mostUnknown is how many unknown keys are named one by one.
const mostUnknown = 20

func unknownKeys(list []strictjson.Unknown) (problems []Problem) {
	for i, u := range list {
		if i == mostUnknown {
			more := Problem{Text: "and " + strconv.Itoa(len(list)-i) + " more unknown keys, ignored", Line: u.Line, Col: u.Col}
			return append(problems, more)
		}
		p := Problem{Field: u.Field, Text: "unknown key, ignored", Line: u.Line, Col: u.Col}
		if near := nearKey(u.Field); near != "" {
			p.Hint = "Did you mean " + near + "?"
			p.near = near
		}
		problems = append(problems, p)
	}
	return problems
}

// Misspelt gives a sentence for each unknown key that may stand for a known one. Where
// something is missing, it may be the cause.
func Misspelt(odd []Problem) (sentences []string) {
	for _, p := range odd {
		if p.near != "" {
			sentences = append(sentences, p.Field+" is an unknown key: did you mean "+p.near+"?")
		}
	}
	return sentences
}

// nearKey gives the field of the coverage table that differs only in case or in one
// letter, or else one of the same name that stands elsewhere.
func nearKey(field string) string {
	plain := withoutIndexes(field)
	depth := strings.Count(plain, ".")
	for _, row := range coverage {
		known := strings.TrimSuffix(outermost(row.Field, depth), "[]") // the table has no row for an object alone
		if strings.EqualFold(known, plain) || len(plain) > 4 && Near(known, plain) {
			return known
		}
	}
	return elsewhere(plain)
}

// elsewhere gives the known field with the same last key: the only one, or else the one
// with the most keys before it in common, and rather one that is in no list. What stands
// in a list is not looked for outside of it.
func elsewhere(plain string) (best string) {
	name := plain[strings.LastIndexByte(plain, '.')+1:]
	scores := map[string]int{}
	for _, row := range coverage {
		known := upTo(row.Field, name)
		if known == "" || row.Support == Ignored {
			continue
		}
		scores[known] = 2 * commonKeys(known, plain)
		if !strings.Contains(known, "[]") {
			scores[known]++
		}
	}
	most := -1
	if strings.Contains(plain, "[]") {
		most = 1 // nothing in common
	}
	for known, score := range scores {
		switch {
		case score > most:
			best, most = known, score
		case score == most:
			best = "" // it could be either
		}
	}
	return best
}

// upTo cuts a field off behind the first key of this name; "" where it has none.
func upTo(field, name string) string {
	for keys := 1; keys <= strings.Count(field, "."); keys++ {
		known := strings.TrimSuffix(outermost(field, keys), "[]")
		if strings.HasSuffix(known, "."+name) {
			return known
		}
	}
	return ""
}

// commonKeys counts the keys at the beginning that two fields share.
func commonKeys(a, b string) (n int) {
	for outermost(a, n+1) == outermost(b, n+1) && outermost(a, n) != a {
		n++
	}
	return n
}

// outermost gives the first keys of a field: of .linux.resources.memory.limit three are
// .linux.resources.memory.
func outermost(field string, keys int) string {
	for i := range len(field) {
		if field[i] == '.' {
			if keys--; keys < 0 {
				return field[:i]
			}
		}
	}
	return field
}

// withoutIndexes turns .mounts[3].source into .mounts[].source.
func withoutIndexes(field string) string {
	var b strings.Builder
	for i := 0; i < len(field); i++ {
		b.WriteByte(field[i])
		if field[i] == '[' {
			for i+1 < len(field) && field[i+1] != ']' {
				i++
			}
		}
	}
	return b.String()
}

// Near tells whether two words differ in one letter, or in two that are swapped.
func Near(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	if i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] {
		return a[i+2:] == b[i+2:]
	}
	return i < len(a) && a[i+1:] == b[i+1:]
}

func index(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }
