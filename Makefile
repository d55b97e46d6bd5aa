# What a person types. `make test` is everything that CI runs.

TARGET := $(or $(CARGO_TARGET_DIR),target)

# A library declares a newer Rust than it needs (docs/decisions/0010-mail-libraries.md).
CARGO_FLAGS := --ignore-rust-version

# One PostgreSQL and one S3 server, which live as long as the run.
WITH_PEERS := $(TARGET)/debug/with-peers

# The tests of a profile of .config/nextest.toml. Without cargo-nextest all tests run, neither bounded nor isolated.
run = sh -c 'if cargo nextest --version >/dev/null 2>&1; then cargo nextest run $(CARGO_FLAGS) --workspace --profile $(1); \
	else echo "note: cargo-nextest is not installed; running cargo test"; cargo test $(CARGO_FLAGS) --workspace; fi'

.PHONY: demo test test-embedded test-shared binaries lint peers bench bench-live fuzz soak

# The tour on loopback: an old platform, a new one, a mailbox moving from one to the other under an open connection.
demo:
	cargo build $(CARGO_FLAGS) --release -p sterna
	$(TARGET)/release/sterna demo

test: peers lint test-embedded test-shared

# Every test, with the mail of all fixtures in files. (A few test the shared store in any run.)
test-embedded: binaries
	$(WITH_PEERS) $(call run,default)

# What lies on the store, once more with the mail in PostgreSQL and S3: the profile says which tests those are.
test-shared: binaries
	STERNA_TEST_STORE=shared $(WITH_PEERS) $(call run,shared)

# The tests and the programs that they run, in one build: features of dependencies would differ in two.
binaries: peers
	cargo test $(CARGO_FLAGS) --workspace --no-run

lint:
	cargo fmt --all --check
	cargo clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings

# The programs that the tests run against: Debian packages, and an S3 server that is built.
peers:
	scripts/peers

# The side-by-side measurements; writes bench/RESULTS.md.
bench: peers
	cargo build $(CARGO_FLAGS) --release -p sterna
	cargo run $(CARGO_FLAGS) --release -p sterna-bench -- run --out bench/RESULTS.md

# The measurements of the live move, an hour or so; writes bench/LIVE.md.
bench-live: peers
	cargo build $(CARGO_FLAGS) --release -p sterna
	cargo run $(CARGO_FLAGS) --release -p sterna-bench -- live all --out bench/LIVE.md

# Every fuzz target for SECONDS each (ten minutes by default).
fuzz:
	scripts/fuzz $(or $(SECONDS),600)

# Random clients against a model while their mailbox moves there and back and servers die, for SECONDS (an hour by default).
# The SEED is printed first, and repeats a run.
soak: peers
	cargo build $(CARGO_FLAGS) -p sterna
	STERNA_SOAK_SECONDS=$(or $(SECONDS),3600) STERNA_SOAK_SEED=$(or $(SEED),$(shell date +%s)) \
		cargo test $(CARGO_FLAGS) -p sterna-tests --test soak -- --nocapture --test-threads=1 moves
