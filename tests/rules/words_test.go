package rules

import (
	"bytes"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// private are places and tools of those who work on the project. They are written
// in two pieces because this file is read too.
var private = []string{"/wo" + "rk/main", "/wo" + "rk/shared", "../sh" + "ared", "proxy" + ".golang", "GO" + "PROXY", "fa" + "rm-"}

// empty are names that say nothing of what is inside.
var empty = regexp.MustCompile(`^(utils?|common|types|helpers?|misc)(_.*)?$`)

func TestNoFileNamesAPrivatePlace(t *testing.T) {
	for _, path := range allFiles(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(data, 0) >= 0 {
			continue
		}
		for i, line := range bytes.Split(data, []byte("\n")) {
			for _, word := range private {
				if bytes.Contains(line, []byte(word)) {
					t.Errorf("%s:%d: names %s", path, i+1, word)
				}
			}
		}
	}
}

func TestNothingIsCalledUtils(t *testing.T) {
	for _, path := range allFiles(t) {
		name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		if strings.HasPrefix(name, "util") {
			t.Errorf("%s: say in the name what is in it", path)
		}
		for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
			if empty.MatchString(filepath.Base(dir)) {
				t.Errorf("%s: say in the name what is in it", dir)
			}
		}
	}
	for _, s := range sources(t) {
		if empty.MatchString(s.file.Name.Name) {
			t.Errorf("%s: package %s: say in the name what is in it", s.path, s.file.Name.Name)
		}
	}
}

func TestErrorsNeverSayFailedTo(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if text, ok := literal(n); ok && strings.Contains(strings.ToLower(text), "failed to") {
				t.Errorf("%s: %q: name what was done and the cause", place(n), text)
			}
			return true
		})
	}
}

func TestErrorsAreNoSentences(t *testing.T) {
	for _, s := range program(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			text := errorText(n)
			if text == nil {
				return true
			}
			if first, ok := literal(edge(text, true)); ok && capital(first) {
				t.Errorf("%s: %q begins with a capital", place(n), first)
			}
			if last, ok := literal(edge(text, false)); ok && strings.ContainsAny(last[max(0, len(last)-1):], ".!\n") && !strings.HasSuffix(last, "...") {
				t.Errorf("%s: %q ends like a sentence", place(n), last)
			}
			return true
		})
	}
}

// errorText gives what an error will say, where it is made: errors.New(text),
// fmt.Errorf(text, ...), and the field Text of our own types.
func errorText(n ast.Node) ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		if len(n.Args) > 0 && (selector(n.Fun, "errors") == "New" || selector(n.Fun, "fmt") == "Errorf") {
			return n.Args[0]
		}
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Text" {
			return n.Value
		}
	}
	return nil
}

// edge gives the first or the last piece of a text that is put together with +.
func edge(e ast.Expr, first bool) ast.Expr {
	for {
		b, ok := e.(*ast.BinaryExpr)
		if !ok || b.Op != token.ADD {
			return e
		}
		if e = b.Y; first {
			e = b.X
		}
	}
}

func literal(n ast.Node) (string, bool) {
	lit, ok := n.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// capital: a word that is all capitals is a name.
func capital(text string) bool {
	first, n := utf8.DecodeRuneInString(text)
	second, _ := utf8.DecodeRuneInString(text[n:])
	return unicode.IsUpper(first) && unicode.IsLower(second)
}
