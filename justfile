# `just` lists what can be done.
default:
    @just --list

# What continuous integration runs: format, lints, tests, documentation.
check:
    bash .ci/run

# All tests, with a share of the crash matrix that changes daily.
test *args:
    cargo test --workspace {{ args }}

# Every point of the crash matrix.
matrix *args:
    MIGRATE_INFRA_MATRIX=full cargo test --workspace {{ args }}

# Brings both environments, the link between them and the routing up in the embedded sandbox, without an AWS account.
up-sandbox:
    cargo run --release -- up --sandbox --sandbox-timing fast -y

# A whole migration in the embedded sandbox: replication, a cutover, and one that is rolled back because the lag grows at 40 %.
demo-cutover:
    cargo run -- up --sandbox --sandbox-timing instant --state-dir .migrate-infra/demo -y
    cargo run -- replication start --sandbox --sandbox-timing instant --state-dir .migrate-infra/demo -y
    cargo run -- replication validate --wait --sandbox --sandbox-timing instant --state-dir .migrate-infra/demo
    cargo run -- cutover --sandbox --sandbox-timing instant --state-dir .migrate-infra/demo -y
    cargo run -- cutover --rollback --sandbox --sandbox-timing instant --state-dir .migrate-infra/demo -y
    cargo run -- replication validate --wait --sandbox --sandbox-timing instant --state-dir .migrate-infra/demo
    -cargo run -- cutover --sandbox --sandbox-timing instant --state-dir .migrate-infra/demo -y --sandbox-script tests/it/scripts/lag.toml
    cargo run -- traffic show --sandbox --sandbox-timing instant --state-dir .migrate-infra/demo
    cargo run -- down --sandbox --sandbox-timing instant --state-dir .migrate-infra/demo -y

# Takes all of it down again.
down-sandbox:
    cargo run --release -- down --sandbox --sandbox-timing fast -y

# Two hundred runs of the real program, killed at random moments, against an emulator over HTTP; prints the table.
torture runs="200" seed="1":
    MIGRATE_INFRA_TORTURE={{ runs }} MIGRATE_INFRA_TORTURE_SEED={{ seed }} cargo test --test it sigkill:: -- --nocapture

# Two hundred rehearsals of the whole migration with faults, their driver killed at random moments; prints the table.
rehearse-torture runs="200" seed="1" lanes="1":
    cargo build
    tests/torture.py "${CARGO_TARGET_DIR:-target}/debug/migrate-infra" --runs {{ runs }} --first {{ seed }} --lanes {{ lanes }}

# How near the forecast of a switchover is to what it takes, with seconds of AWS that are seconds: four minutes a run.
# Another number gives AWS other durations.
forecast skip="0":
    MIGRATE_INFRA_FORECAST_SKIP={{ skip }} cargo test --test it rehearsal::forecast -- --ignored --nocapture

# Benchmarks: `engine`, `stack`, `compare`, `bucket`, `critical-path` or `micro`; see docs/performance.md.
bench what="micro" *args:
    .cargo/bench {{ what }} {{ args }}

# The API documentation of the workspace.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --workspace

# A million damaged and hostile inputs for each parser; another seed gives other inputs.
fuzz inputs="1000000" seed="1":
    MIGRATE_INFRA_FUZZ={{ inputs }} MIGRATE_INFRA_FUZZ_SEED={{ seed }} cargo test --workspace --lib --tests fuzz -- --nocapture

# The pages of `timeline` and `serve` in a real browser, with axe, and pictures to look at. Needs Node.js and Chromium.
pages directory="target/pages":
    cargo build
    npm install --prefix tests/browser --no-audit --no-fund
    node tests/browser/check.js "${CARGO_TARGET_DIR:-target}/debug/migrate-infra" "{{ directory }}"

# Licences, sources and banned crates, as the tests check them, and advisories, which need the network.
deny:
    "$(python3 tests/deny/install.py --venv "${CARGO_TARGET_DIR:-target}/tmp/deny-venv")" check

# Writes what is made from the code: the commented configuration, its schema, and the page of resources.
generate:
    cargo run -- init --stdout > config/migration.toml
    cargo run -- init --stdout --layout self-contained > config/self-contained.toml
    cargo run -- config schema > config/schema.json
    cargo run -- config resources > docs/resources.md

# What is published of a version: static binaries, Debian packages, lists of what is in them, and checksums.
dist *args:
    .cargo/dist {{ args }}
