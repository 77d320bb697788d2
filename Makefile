# The words of the project. `make` alone prints them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help build demo test check vm-test faults bench golden install go

# Without these tags the command line library brings a Markdown parser, which costs
# every start of the program 0.4 ms.
TAGS    := urfave_cli_no_docs,urfave_cli_no_suggest
VERB    := github.com/mdrun/mdrun/cmd/mdrun/verb
VERSION := $(shell cat VERSION)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null)$(shell git diff-index --quiet HEAD 2>/dev/null || echo -dirty)
# Nothing of the machine and the folder may get into the binary: two builds are equal.
GOFLAGS := -trimpath -buildvcs=false
LDFLAGS := -s -w -buildid= -X $(VERB).Version=$(VERSION) -X $(VERB).Commit=$(COMMIT)
# A position-independent executable starts a quarter slower. The garbage collector of Go
# 1.26 makes every start a thirtieth slower, and there is next to nothing to collect.
EXPERIMENT := $(if $(findstring go1.26,$(shell go env GOVERSION 2>/dev/null)),nogreenteagc)
BUILD   := GOEXPERIMENT=$(EXPERIMENT) CGO_ENABLED=0 GOFLAGS= go build $(GOFLAGS) -buildmode=exe -tags $(TAGS) -ldflags '$(LDFLAGS)'

RUN     := GOFLAGS=-tags=$(TAGS) go run ./tests/run

PREFIX  ?= /usr/local
RUNTIME ?= bin/mdrun

help: ## print this
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 10

build: go ## bin/mdrun, one static file
	$(BUILD) -o bin/mdrun ./cmd/mdrun

demo: build ## install what it needs, build, and take bundle-examples/hello through its life
	@tests/setup/packages busybox-static
	@tests/demo

test: build ## install what the tests need, and run all of them
	@tests/setup/packages busybox-static jq file procps iproute2 strace
	@$(RUN) $(SUITES)

check: go ## formatting, vet, staticcheck and the project's own rules
	@$(RUN) check

vm-test: build ## the limits of containers, in a virtual machine that has every controller
	@$(RUN) vm

faults: build ## kill the runtime at every system call that matters, and look what is left (long)
	@tests/setup/packages busybox-static
	@go run ./tests/faults -runtime $(RUNTIME) -v
	@go run ./tests/faults -runtime $(RUNTIME) -v -races

bench: build ## times against runc and crun, into docs/
	@tests/setup/packages strace
	@go build -o bin/bench ./tests/bench
	@bin/bench -runtime $(RUNTIME) -tree "$$(tests/setup/peers)" -write docs

golden: build ## rewrite the files that tests compare with, to be read with git diff
	@GOFLAGS=-tags=$(TAGS) tests/setup/golden

install: build ## $(PREFIX)/sbin/mdrun
	install -D -m 755 bin/mdrun $(DESTDIR)$(PREFIX)/sbin/mdrun

go:
	@tests/setup/go
