// This file is empty: with it the compiler accepts functions without a body,
// which raw.go links to their bodies in the Go runtime.
