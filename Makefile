# m3voip: every task a person needs. `make` alone prints this list.
.DEFAULT_GOAL := help
.PHONY: help setup demo up down status logs doctor test check browser bench chaos clean
BIN := .venv/bin

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing on this machine (quick when nothing is)
	@scripts/setup

demo: setup ## the whole thing with simulated phones and callers, until Ctrl-C
	@$(BIN)/m3voip demo

up: setup ## start the stack and return when it is ready
	@$(BIN)/m3voip stack up

down: ## stop it; nothing is left running
	@$(BIN)/m3voip stack down

status: ## what runs, since when, on which ports
	@$(BIN)/m3voip stack status

logs: ## follow the logs of all parts
	@$(BIN)/m3voip stack logs --follow

doctor: ## check everything an operator would, and say what to do
	@$(BIN)/m3voip doctor

test: setup ## set up and run all tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not chaos and not bench and not browser"

check: setup ## style, types, import directions
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

browser: setup ## the browser phone's story in a real Chromium, which it installs
	@scripts/browser && $(BIN)/python -m pytest -m browser

bench: setup ## measure speed; writes docs/benchmarks.md
	@scripts/bench

chaos: setup ## the long fault tests
	@M3VOIP_CHAOS=long $(BIN)/python -m pytest -m chaos

clean: ## stop the stack and delete this checkout's instance, environment and caches (not the shared cache)
	@if [ -x $(BIN)/m3voip ]; then $(BIN)/m3voip stack down && $(BIN)/m3voip stack clean --yes; fi
	@rm -rf .venv .m3voip .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
