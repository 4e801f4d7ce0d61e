# Every module of the repository, but tools/, which holds what lint and vuln run.
MODULES := $(sort $(filter-out tools,$(patsubst %/,%,$(dir $(shell git ls-files -co --exclude-standard -- go.mod '*/go.mod')))))
TOOL    := go tool -modfile=$(CURDIR)/tools/go.mod
# Go sets CGO_ENABLED where it finds a C compiler, which the race detector needs.
RACE    := $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)
FUZZTIME ?= 1m

# $(call each,command) runs command in every module and stops at the first failure.
each = @for m in $(MODULES); do echo "== $$m: $(strip $(1))"; (cd $$m && $(1)) || exit 1; done

.PHONY: help test fmt tidy vet unit lint fuzz bench timing vuln
.NOTPARALLEL:

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

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

bench: ## every benchmark, with its allocations
	$(call each,go test -run '^$$' -bench . -benchmem ./...)

timing: ## what only a quiet machine can show: even response times, responsiveness under load
	PASSPORT_TIMING=1 go test -run 'Timing|Responsive' -count=1 -v ./strategies/local ./password

vuln: ## known vulnerabilities (asks vuln.go.dev)
	$(call each,$(TOOL) govulncheck ./...)
