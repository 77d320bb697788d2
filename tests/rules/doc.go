// Package rules keeps those rules of the project that a machine can keep: who may
// import whom, comments, lengths, words, how the program is built, what has been
// initialised before the child takes over. One file per topic; what a rule lets
// through stands in a table beside it, with the reason.
//
//	go test ./tests/rules
//	go test ./tests/rules -update    writes testdata/ anew, to be read with git diff
package rules
