package compile

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/mdrun/mdrun/libcontainer/step"
	"github.com/mdrun/mdrun/spec"
)

// hostDir is where every path of the host begins in these tests, and no path of a
// container does.
const hostDir = "/host"

func facts() Facts {
	return Facts{BundleDir: hostDir + "/bundle", Rootfs: hostDir + "/bundle/rootfs", LastCap: 40, Permitted: 1<<41 - 1}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// checked sends a specification through the door that every one comes in by.
func checked(t *testing.T, s *specs.Spec) *specs.Spec {
	t.Helper()
	raw, err := json.Marshal(s)
	must(t, err)
	read, _, err := spec.Decode("config.json", raw)
	if err != nil {
		t.Fatalf("the test's own specification is not valid: %v\n%s", err, raw)
	}
	return read
}

// compiled is a valid specification's plan.
func compiled(t *testing.T, s *specs.Spec, f Facts) step.Plan {
	t.Helper()
	plan, _, err := Container(checked(t, s), f)
	must(t, err)
	return plan
}

// kindOf is the name of a step's type.
func kindOf(s step.Step) string { return reflect.TypeOf(s).Elem().Name() }

// data prints what of a step is not zero: all that the child is told. A single string
// that the sentence holds is not said twice.
func data(s step.Step) string {
	var b strings.Builder
	v := reflect.ValueOf(s).Elem()
	write(&b, v)
	if v.NumField() == 1 && v.Field(0).Kind() == reflect.String && strings.Contains(s.String(), v.Field(0).String()) {
		return ""
	}
	return strings.TrimSpace(b.String())
}

func write(b *strings.Builder, v reflect.Value) {
	for i := range v.NumField() {
		field, name := v.Field(i), v.Type().Field(i).Name
		switch {
		case field.IsZero():
		case field.Kind() == reflect.Struct:
			fmt.Fprintf(b, " %s{", name)
			write(b, field)
			b.WriteString("}")
		case field.Kind() == reflect.Uint64:
			fmt.Fprintf(b, " %s=%#x", name, field.Uint())
		case field.Type() == reflect.TypeFor[[]uint64]():
			fmt.Fprintf(b, " %s=%#x", name, field.Interface())
		case name == "Mode" || name == "Mask":
			fmt.Fprintf(b, " %s=%#o", name, field.Interface())
		case field.Kind() == reflect.String, field.Type() == reflect.TypeFor[[]string]():
			fmt.Fprintf(b, " %s=%q", name, field.Interface())
		default:
			fmt.Fprintf(b, " %s=%v", name, field.Interface())
		}
	}
}
