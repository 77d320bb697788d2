package spec

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// full sets every field that there is.
func full(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		full(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		full(v.Index(0)) // and one that is empty
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, name := range []string{"b", "a"} {
			e := reflect.New(v.Type().Elem()).Elem()
			full(e)
			v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), e)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				full(f)
			} else if v.Type().Field(i).Anonymous {
				for j := range f.NumField() { // its fields are promoted
					full(v.FieldByName(f.Type().Field(j).Name))
				}
			}
		}
	case reflect.String:
		v.SetString("a \"b\" \\ /")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Interface:
		v.Set(reflect.ValueOf("any"))
	default:
		if v.CanInt() {
			v.SetInt(-7)
		} else {
			v.SetUint(7)
		}
	}
}

func TestEncodeAgreesWithEncodingJSON(t *testing.T) {
	everything := &specs.Spec{}
	full(reflect.ValueOf(everything).Elem())
	rootless := Default()
	Rootless(rootless, 1000, 1000)
	for name, s := range map[string]*specs.Spec{"nothing": {}, "empty": {Process: &specs.Process{}, Linux: &specs.Linux{}, Mounts: []specs.Mount{}},
		"default": Default(), "rootless": rootless, "everything": everything} {
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "\t")
		if err := enc.Encode(s); err != nil {
			t.Fatal(err)
		}
		if got := string(Encode(s)); got != want.String() {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want.String())
		}
	}
}

func TestWhatIsEncodedIsReadBack(t *testing.T) {
	want := Default()
	got, _, err := Decode("it", Encode(want))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v: %+v", err, got)
	}
}

func BenchmarkEncode(b *testing.B) {
	for b.Loop() {
		Encode(Default())
	}
}
