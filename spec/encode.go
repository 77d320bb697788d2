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
	e := &encoder{strictjson.Writer{Buf: make([]byte, 0, 4096), Indent: "\t"}}
	e.value(reflect.ValueOf(s))
	return append(e.Buf, '\n')
}

type encoder struct{ strictjson.Writer }

func (e *encoder) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			e.word("null")
			return
		}
		e.value(v.Elem())
	case reflect.Struct:
		e.Open('{')
		e.members(v)
		e.Close('}')
	case reflect.Map:
		e.dict(v)
	case reflect.Slice:
		if v.IsNil() {
			e.word("null")
			return
		}
		e.Open('[')
		for i := range v.Len() {
			e.Next()
			e.value(v.Index(i))
		}
		e.Close(']')
	default:
		e.scalar(v)
	}
}

func (e *encoder) scalar(v reflect.Value) {
	switch {
	case v.Kind() == reflect.String:
		e.Buf = strictjson.AppendString(e.Buf, v.String())
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
		e.Key(key)
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
	e.Open('{')
	for _, k := range keys {
		e.Key(k.String())
		e.value(v.MapIndex(k))
	}
	e.Close('}')
}

func (e *encoder) word(w string) { e.Buf = append(e.Buf, w...) }
