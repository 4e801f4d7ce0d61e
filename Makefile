# Every module of the repository, but tools/, which holds what lint and vuln run.
MODULES := $(sort $(filter-out tools,$(patsubst %/,%,$(dir $(shell git ls-files -co --exclude-standard -- go.mod '*/go.mod')))))
TOOL    := go tool -modfile=$(CURDIR)/tools/go.mod
# What the race detector leaves out: bcrypt's cipher and SQLite, C made Go. They
# share nothing that their callers do not, and take ten times as long with it.
ALONE   := golang.org/x/crypto/blowfish modernc.org/sqlite/lib
# Go sets CGO_ENABLED where it finds a C compiler, which the race detector needs.
RACE    := $(if $(filter 1,$(shell go env CGO_ENABLED)),-race $(foreach p,$(ALONE),-gcflags=$(p)=-race=false))
FUZZTIME ?= 1m
SOAK     ?= 10m
# Who is compared in bench runs by turns, so many times. Servers run on the
# first processor, databases and clients on the second, where there are two.
ROUNDS  ?= 10
RESULTS := $(CURDIR)/bench/bench.out
PIN     := $(shell taskset -c 1 echo taskset -c 1 2>/dev/null)
SIZES   ?= 10000,1000000,5000000
CANDIDATES ?= 5000000

# $(call each,command) runs command in every module and stops at the first failure.
each = @for m in $(MODULES); do echo "== $$m: $(strip $(1))"; (cd $$m && $(1)) || exit 1; done

.PHONY: help test fmt tidy vet unit lint fuzz bench bench-scale timing returnto vuln soak
.NOTPARALLEL:

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 13

test: fmt tidy vet unit lint ## all that CI checks: the targets fmt to lint
	@echo "== all is well"

fmt: ## every Go file is gofmt-ed
	@out=$$(git ls-files -co --exclude-standard -- '*.go' | xargs gofmt -l) && \
	if [ -n "$$out" ]; then echo "not gofmt-ed:"; echo "$$out"; exit 1; fi

tidy: ## every go.mod and go.sum is tidy, every dependency unaltered
	$(call each,go mod tidy -diff && go mod verify)

vet: ## go vet
	$(call each,go vet ./...)

unit: ## the tests, in a random order, with the race detector
ifeq ($(RACE),)
	@echo "no C compiler (apt-get install gcc): the race detector is off"; [ "$(CI)" != true ]
endif
	$(call each,go test -shuffle=on $(RACE) ./...)

lint: ## golangci-lint, of the version in tools/go.mod
	$(call each,$(TOOL) golangci-lint run)

fuzz: ## every fuzz target, for FUZZTIME (1m) each
	@for m in $(MODULES); do cd $(CURDIR)/$$m; for p in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
	done; done; done

bench: ## every benchmark with its allocations, then ours beside others': docs/performance.md
	@for m in $(filter-out bench,$(MODULES)); do (cd $$m && go test -run '^$$' -bench . -benchmem ./...) || exit 1; done
	cd bench && GOMAXPROCS=1 $(PIN) go test -run '^$$' -bench . -benchtime 5000x -rounds $(ROUNDS) -timeout 1h . >$(RESULTS)
	@for b in Find HTTP Social; do $(TOOL) benchstat -filter .name:$$b -table .name,/db -row goarch -col /by $(RESULTS); done

bench-scale: ## sessions by the million: docs/performance.md
	cd bench && go test -run TestScale -sizes $(SIZES) -timeout 2h -v .

timing: ## what only a quiet machine can show: even response times, responsiveness under load
	PASSPORT_TIMING=1 go test -run 'Timing|Responsive' -count=1 -v ./strategies/local ./password

returnto: ## CANDIDATES (5000000) hostile return-tos before node's URL parser
	PASSPORT_CANDIDATES=$(CANDIDATES) go test -run BrowsersStay -count=1 -timeout 1h -v ./internal/returnto

vuln: ## known vulnerabilities (asks vuln.go.dev)
	$(call each,$(TOOL) govulncheck ./...)

soak: ## what must hold while the databases hang and are killed, for SOAK (10m)
	@for d in internal/faulttest sessions/redisstore sessions/pgxstore; do \
		(cd $$d && SOAK=$(SOAK) go test $(RACE) -run '^(TestNeverCross|TestSoak)$$' -count=1 -timeout 0 -v .) || exit 1; \
	done
