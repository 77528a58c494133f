# make run [PROMPT="…"] [BACKEND=cpu|vulkan|reference] [MODEL=name or file] [ARGS="…"]
# make serve [MODEL=…] [ARGS="…"]
# make test · make test-tsan · make test-page · make test-clients · make lint · make format · make bench · make dist · make clean

PROMPT  ?= Why is the sky blue? Answer in two sentences.
BACKEND ?= cpu
MODEL   ?= smollm2
ARGS    ?=
export PROMPT BACKEND MODEL

HADAL := .build/release/hadal
STAMP := .build/release/.hadal-built

.PHONY: all run serve test test-tsan test-page test-clients lint format bench dist deps clean

all: $(STAMP)

deps:
	@.ci/install-dependencies

# Builds only when a source is newer than the last good build.
$(STAMP): $(shell find Package.swift Sources Plugins kernels -type f)
	@.ci/install-dependencies
	swift build -c release
	@touch $@

run: $(STAMP)
	@[ "$$MODEL" != smollm2 ] || .ci/fetch-default-model
	@$(HADAL) run "$$MODEL" --backend "$$BACKEND" -p "$$PROMPT" $(ARGS)

# Prints the address of a chat page, which is that of clients as well.
serve: $(STAMP)
	@[ "$$MODEL" != smollm2 ] || .ci/fetch-default-model
	@$(HADAL) serve "$$MODEL" --backend "$$BACKEND" $(ARGS)

test:
	@.ci/install-dependencies test
	@.ci/test

# What threads share, under the thread sanitizer; FILTER: other suites than the threaded ones.
FILTER ?=
test-tsan:
	@.ci/install-dependencies test
	@.ci/test-tsan $(FILTER)

# The chat page in headless Chromium, against a server with the default model.
test-page: $(STAMP)
	@.ci/install-dependencies page
	@.ci/fetch-default-model
	@.ci/test-page .build/release

# The packages that people use as clients, from PyPI, against a server with the default model.
test-clients: $(STAMP)
	@.ci/fetch-default-model
	@.ci/test-clients $(HADAL)

# Whether Swift sources have the format of .swift-format, and what gives it to them.
lint:
	@.ci/lint

format:
	swift format --in-place --parallel --recursive Package.swift Sources Plugins Tests kernels docs

# The table of docs/performance.md, beside llama.cpp where its Python package is installed. MODELS: where model files are.
MODELS ?=
export MODELS
bench: $(STAMP)
	@.ci/fetch-default-model
	@PYTHONDONTWRITEBYTECODE=1 python3 packaging/bench.py --hadal $(HADAL) $(ARGS)

# A folder and a tarball that run without Swift; .ci/test-dist tries them in a root with the C library alone.
dist: $(STAMP)
	@PYTHONDONTWRITEBYTECODE=1 python3 packaging/dist.py .build/release dist
	@.ci/test-dist

clean:
	rm -rf dist .build .build-tests .build-tsan .build-embedding
