package compile

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"slices"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// generated is how many made-up specifications the laws are tried on.
const generated = 200

// generateAll makes them, and their plans, once for all tests.
func generateAll(t *testing.T) []containment {
	t.Helper()
	if len(all) == 0 {
		for seed := range uint64(generated) {
			s, f := generate(seed)
			s = checked(t, s)
			plan, _, err := Container(s, f)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			all = append(all, containment{s, plan})
		}
	}
	return all
}

var all []containment

func TestLawsHoldForGeneratedSpecifications(t *testing.T) {
	for seed, made := range generateAll(t) {
		for _, l := range laws {
			if complaint := l.broken(made); complaint != "" {
				raw, err := json.Marshal(made.spec)
				must(t, err)
				t.Fatalf("seed %d: %s: %s\n%s", seed, l.name, complaint, raw)
			}
		}
	}
}

// Each law notices the change that was made up to break it.
func TestEveryLawCanBeBroken(t *testing.T) {
	for _, l := range laws {
		applies := 0
		for seed, made := range generateAll(t) {
			worse := l.breaks(slices.Clone(made.plan))
			if worse == nil {
				continue // this plan has nothing to break it with
			}
			applies++
			if l.broken(containment{made.spec, worse}) == "" {
				t.Errorf("%s: not noticed with seed %d", l.name, seed)
				break
			}
		}
		if applies < generated/20 {
			t.Errorf("%s: only %d of %d specifications have what it is about", l.name, applies, generated)
		}
	}
}

func TestAShuffledPlanBreaksTheLawsOfOrder(t *testing.T) {
	noticed := map[string]bool{}
	for seed, made := range generateAll(t) {
		plan := slices.Clone(made.plan)
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		r.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
		for _, l := range laws {
			noticed[l.name] = noticed[l.name] || l.ofOrder && l.broken(containment{made.spec, plan}) != ""
		}
	}
	for _, l := range laws {
		if l.ofOrder && !noticed[l.name] {
			t.Errorf("%s: no shuffled plan breaks it", l.name)
		}
	}
}

// A new step needs a row that says at which moment it may run, and a specification
// that asks for it; otherwise the laws would not see it.
func TestEveryStepHasItsMoment(t *testing.T) {
	seen := map[string]bool{}
	for _, made := range generateAll(t) {
		for _, kind := range made.kinds() {
			seen[kind] = true
		}
	}
	kinds := stepKinds(t)
	for _, kind := range kinds {
		if _, ok := moments[kind]; !ok {
			t.Errorf("the step %s has no row in the table of moments", kind)
		}
		if !seen[kind] {
			t.Errorf("no generated specification asks for the step %s", kind)
		}
	}
	for kind := range moments {
		if !slices.Contains(kinds, kind) {
			t.Errorf("the table of moments has a row for %s, which is no step", kind)
		}
	}
}

// stepKinds reads the list in step/kinds.go: of[Kind]().
func stepKinds(t *testing.T) (kinds []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../step/kinds.go", nil, 0)
	must(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		if x, ok := n.(*ast.IndexExpr); ok {
			if name, ok := x.X.(*ast.Ident); ok && name.Name == "of" {
				kinds = append(kinds, x.Index.(*ast.Ident).Name)
			}
		}
		return true
	})
	if len(kinds) < 20 {
		t.Fatalf("found only these in step/kinds.go: %v", kinds)
	}
	return kinds
}

// containment is a specification and the plan that it became.
type containment struct {
	spec *specs.Spec
	plan step.Plan
}

func (c containment) kinds() []string {
	list := make([]string, len(c.plan))
	for i, e := range c.plan {
		list[i] = kindOf(e.Step)
	}
	return list
}

func count(kinds []string, kind string) (n int) {
	for _, k := range kinds {
		if k == kind {
			n++
		}
	}
	return n
}

// low limits would keep init itself from its work (memory, threads, descriptors).
func low(r *step.Rlimit) bool {
	if r.Room {
		return false
	}
	if r.Resource == unix.RLIMIT_NOFILE {
		return r.Soft < 64
	}
	hinders := []int{unix.RLIMIT_AS, unix.RLIMIT_DATA, unix.RLIMIT_NPROC, unix.RLIMIT_FSIZE, unix.RLIMIT_STACK}
	return slices.Contains(hinders, r.Resource) && r.Soft < 1<<32
}
