package rules

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

const (
	mostLines    = 400 // of a file
	mostOfOne    = 60  // of a function
	mostOfNearly = 30  // of nine functions in ten
)

// tables may be longer: as files, and as functions.
var tables = map[string]string{
	"spec/decode_gen.go": "generated: a function for each type of the specification, a case for each field",
}

func TestFilesAreShort(t *testing.T) {
	long := map[string]bool{}
	for _, s := range sources(t) {
		if s.lines() <= mostLines {
			continue
		}
		long[s.path] = true
		if tables[s.path] == "" {
			t.Errorf("%s: %d lines, at most %d", s.path, s.lines(), mostLines)
		}
	}
	for path := range tables {
		if !long[path] {
			t.Errorf("%s: is not long any more: remove its row", path)
		}
	}
}

func TestFunctionsAreShort(t *testing.T) {
	lengths := map[string][]int{}
	for _, s := range sources(t) {
		if tables[s.path] != "" {
			continue
		}
		s.functions(func(name string, d *ast.FuncDecl) {
			n, of := length(d), part(s)
			lengths[of] = append(lengths[of], n)
			if n > mostOfOne {
				t.Errorf("%s: %s has %d lines, at most %d", place(d), name, n, mostOfOne)
			}
		})
	}
	for of, list := range lengths {
		slices.Sort(list)
		nearly := list[len(list)*9/10]
		t.Logf("%s: %d functions, half of them up to %d lines, nine in ten up to %d", of, len(list), list[len(list)/2], nearly)
		if nearly > mostOfNearly {
			t.Errorf("%s: nine functions in ten have up to %d lines, at most %d", of, nearly, mostOfNearly)
		}
	}
}

func length(d *ast.FuncDecl) int {
	return fset.Position(d.End()).Line - fset.Position(d.Pos()).Line + 1
}

// part keeps the tests from making up for the program.
func part(s source) string {
	if s.isTest() || strings.HasPrefix(s.path, "tests/") {
		return "the tests"
	}
	return "the program"
}
