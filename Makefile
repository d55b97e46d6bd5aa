# What a person types. `make test` is everything that CI runs.

TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: demo test test-shared lint peers bench fuzz

# The tour on loopback: an old platform, a new one, a mailbox moving from one to the other.
demo:
	cargo build --release -p sterna
	$(TARGET)/release/sterna demo

test: peers lint
	cargo build -p sterna
	@if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --workspace; \
	else \
		echo "note: cargo-nextest is not installed; running cargo test, which neither bounds nor isolates the tests"; \
		cargo test --workspace; \
	fi

# The same suites on PostgreSQL and S3, which live as long as the run.
test-shared: peers
	cargo build -p sterna -p sterna-tests --bins
	@if cargo nextest --version >/dev/null 2>&1; then \
		STERNA_TEST_STORE=shared $(TARGET)/debug/with-peers cargo nextest run --workspace; \
	else \
		echo "note: cargo-nextest is not installed; running cargo test, which neither bounds nor isolates the tests"; \
		STERNA_TEST_STORE=shared $(TARGET)/debug/with-peers cargo test --workspace; \
	fi

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

# The programs that the tests run against: Debian packages, and an S3 server that is built.
peers:
	scripts/peers

# The side-by-side measurements; writes bench/RESULTS.md.
bench: peers
	cargo build --release -p sterna
	cargo run --release -p sterna-bench -- run --out bench/RESULTS.md

# Every fuzz target for SECONDS each (ten minutes by default).
fuzz:
	scripts/fuzz $(or $(SECONDS),600)
