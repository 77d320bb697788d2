package spec

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/mdrun/mdrun/spec/strictjson"
)

// Encode prints a configuration as config.json, as encoding/json would with tabs. That
// package first studies every type of the specification, which takes longer than a
// whole create; here only what is set is looked at.
func Encode(s *specs.Spec) []byte {
	e := &encoder{buf: make([]byte, 0, 4096)}
	e.value(reflect.ValueOf(s))
	return append(e.buf, '\n')
}

type encoder struct {
	buf   []byte
	depth int
	fresh bool // no member yet in the innermost object or list
}

func (e *encoder) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			e.word("null")
			return
		}
		e.value(v.Elem())
	case reflect.Struct:
		e.open('{')
		e.members(v)
		e.close('}')
	case reflect.Map:
		e.dict(v)
	case reflect.Slice:
		if v.IsNil() {
			e.word("null")
			return
		}
		e.open('[')
		for i := range v.Len() {
			e.next()
			e.value(v.Index(i))
		}
		e.close(']')
	default:
		e.scalar(v)
	}
}

func (e *encoder) scalar(v reflect.Value) {
	switch {
	case v.Kind() == reflect.String:
		e.buf = strictjson.AppendString(e.buf, v.String())
	case v.Kind() == reflect.Bool:
		e.word(strconv.FormatBool(v.Bool()))
	case v.CanInt():
		e.word(strconv.FormatInt(v.Int(), 10))
	case v.CanUint():
		e.word(strconv.FormatUint(v.Uint(), 10))
	default:
		panic("no way to print " + v.Type().String())
	}
}

// members flattens embedded structs, as encoding/json does.
func (e *encoder) members(v reflect.Value) {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			e.members(v.Field(i))
			continue
		}
		key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if options == "omitempty" && empty(v.Field(i)) {
			continue
		}
		e.key(key)
		e.value(v.Field(i))
	}
}

// empty is what omitempty means: a struct never is.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// dict prints a map in the order of its keys.
func (e *encoder) dict(v reflect.Value) {
	if v.IsNil() {
		e.word("null")
		return
	}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	e.open('{')
	for _, k := range keys {
		e.key(k.String())
		e.value(v.MapIndex(k))
	}
	e.close('}')
}

func (e *encoder) word(w string) { e.buf = append(e.buf, w...) }

func (e *encoder) open(c byte) {
	e.buf = append(e.buf, c)
	e.depth++
	e.fresh = true
}

func (e *encoder) close(c byte) {
	e.depth--
	if !e.fresh {
		e.line()
	}
	e.buf = append(e.buf, c)
	e.fresh = false
}

func (e *encoder) line() {
	e.buf = append(e.buf, '\n')
	for range e.depth {
		e.buf = append(e.buf, '\t')
	}
}

func (e *encoder) next() {
	if !e.fresh {
		e.buf = append(e.buf, ',')
	}
	e.fresh = false
	e.line()
}

func (e *encoder) key(k string) {
	e.next()
	e.buf = append(strictjson.AppendString(e.buf, k), ':', ' ')
}
