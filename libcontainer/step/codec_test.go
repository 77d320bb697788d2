package step

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// filled gives a step of a kind with all its fields set by r, none of them zero.
func filled(t *testing.T, kind int, r *rand.Rand) Step {
	t.Helper()
	s := kinds[kind].make()
	fill(t, reflect.ValueOf(s).Elem(), r)
	return s
}

// fill knows what a step may consist of: plain exported data.
func fill(t *testing.T, v reflect.Value, r *rand.Rand) {
	t.Helper()
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; !ast.IsExported(name) {
				t.Fatalf("%s.%s: the field of a step is not exported", v.Type(), name)
			}
			fill(t, v.Field(i), r)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+r.IntN(3), 3))
		for i := range v.Len() {
			fill(t, v.Index(i), r)
		}
	case reflect.String:
		v.SetString(pick(r, "x", "/a/b", "\x00\xff\n", "π", strings.Repeat("long", 300)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(pick(r, int64(1), -1, 1<<40, -1<<63, 1<<63-1))
	case reflect.Uint32:
		v.SetUint(pick(r, uint64(1), 0xffff_ffff, 0xdead_beef))
	case reflect.Uint64:
		v.SetUint(pick(r, uint64(1), 1<<64-1, 0x0123_4567_89ab_cdef))
	default:
		t.Fatalf("%s: a step is plain data", v.Type())
	}
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func TestEveryStepArrivesAsItWas(t *testing.T) {
	for i := range kinds {
		for seed := range uint64(10) {
			sent := Plan{{Field: ".process", Step: filled(t, i, rand.New(rand.NewPCG(seed, uint64(i))))}, {Step: kinds[i].make()}}
			b, err := sent.Encode()
			if err != nil {
				t.Fatal(err)
			}
			got, err := Decode(b)
			if err != nil {
				t.Fatalf("%T: %v", sent[0].Step, err)
			}
			if !reflect.DeepEqual(got, sent) {
				t.Errorf("sent %+v\n got %+v", sent[0].Step, got[0].Step)
			}
		}
	}
}

func everyStep(t *testing.T) (p Plan) {
	t.Helper()
	for i := range kinds {
		p = append(p, Entry{Field: ".linux", Step: filled(t, i, rand.New(rand.NewPCG(1, uint64(i))))})
	}
	return p
}

func TestEveryStepSaysWhatItDoes(t *testing.T) {
	for i := range kinds {
		for _, s := range []Step{kinds[i].make(), filled(t, i, rand.New(rand.NewPCG(1, 1)))} {
			if text := s.String(); text == "" || text[0] == ' ' || strings.HasSuffix(text, ".") {
				t.Errorf("%T: %q", s, text)
			}
		}
	}
}

// What has the methods of a step is in the list of kinds, and the other way round.
func TestKindsListsEveryStep(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var written, listed []string
	for _, path := range files {
		if !strings.HasSuffix(path, "_test.go") {
			written = append(written, appliers(t, path)...)
		}
	}
	for _, k := range kinds {
		listed = append(listed, reflect.TypeOf(k.make()).Elem().Name())
	}
	slices.Sort(written)
	slices.Sort(listed)
	if !slices.Equal(written, listed) || len(listed) < 30 {
		t.Errorf("written: %v\nlisted:  %v", written, listed)
	}
	for i := range kinds {
		if k := kindOf(kinds[i].make()); k != i {
			t.Errorf("%s is taken for number %d instead of %d", listed[i], k, i)
		}
	}
}

// appliers gives the types of a file that have the method Apply.
func appliers(t *testing.T, path string) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		if d, ok := d.(*ast.FuncDecl); ok && d.Name.Name == "Apply" && d.Recv != nil {
			if star, ok := d.Recv.List[0].Type.(*ast.StarExpr); ok {
				names = append(names, star.X.(*ast.Ident).Name)
			}
		}
	}
	return names
}

// stranger is a step that is not in the list.
type stranger struct{}

func (stranger) Apply(*Env) error { return nil }
func (stranger) String() string   { return "do something strange" }
func (stranger) Fields(*Codec)    {}

func TestAStepThatIsNotListedCannotBeSent(t *testing.T) {
	if _, err := (Plan{{Step: stranger{}}}).Encode(); err == nil || !strings.Contains(err.Error(), "do something strange") {
		t.Errorf("%v", err)
	}
}

func TestAPlanThatIsCutOffIsRefused(t *testing.T) {
	b, err := everyStep(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for n := range b {
		if _, err := Decode(b[:n]); !errors.Is(err, errShort) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(b), err)
		}
	}
	if _, err := Decode(append(b, 0)); err == nil {
		t.Error("a byte too many was taken")
	}
}

// lying is a plan that claims to hold so many links.
func lying(n int) []byte {
	c := &Codec{}
	one, kind, field := 1, kindOf(&DeviceLinks{}), ""
	c.Int(&one)
	c.Int(&kind)
	c.String(&field)
	c.Int(&n)
	return c.buf
}

// A plan comes from our own host; a defect there must not become one here.
func FuzzDecode(f *testing.F) {
	t := &testing.T{}
	b, err := everyStep(t).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	for i := range kinds {
		one, err := Plan{{Step: kinds[i].make()}}.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(one)
	}
	f.Add(lying(1 << 20))
	f.Add(lying(-1))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		plan, err := Decode(b)
		runtime.ReadMemStats(&after)
		// A list claims memory for at most as many elements as there are bytes.
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 1<<20+200*uint64(len(b)) {
			t.Errorf("%d bytes made Decode take %d", len(b), taken)
		}
		if err != nil {
			return
		}
		again, err := plan.Encode()
		if err != nil {
			t.Fatal(err)
		}
		twice, err := Decode(again)
		if err != nil || !reflect.DeepEqual(plan, twice) {
			t.Errorf("%v became %v, %v", plan, twice, err)
		}
		if third, _ := twice.Encode(); !bytes.Equal(again, third) {
			t.Error("two encodings of one plan differ")
		}
	})
}
