# What is checked of the code itself.

lints() {
    step fmt cargo fmt --all --check
    step clippy cargo clippy --workspace --all-targets --locked -- --deny warnings
    step doc env RUSTDOCFLAGS='--deny warnings' cargo doc --workspace --no-deps --locked
    dependencies
}

dependencies() {
    if ! cargo_deny_program; then
        skip "deny" "cargo-deny could neither be had nor built"
        return
    fi
    step deny cargo deny --locked check licenses bans sources
    if timeout 60 cargo deny fetch db >"$logs/advisories-fetch.log" 2>&1; then
        step advisories cargo deny --locked check advisories
    else
        skip "advisories" "the database of advisories cannot be fetched here; $logs/advisories-fetch.log"
    fi
}

programs_shipped=(msgqd msgqctl)

# What is shipped, which the black-box tests use; and what only helps here, which is not optimised.
programs() {
    # With the features of the whole workspace, as the package has them.
    step build reproducibly cargo build --release --workspace --locked "${programs_shipped[@]/#/--bin=}" --example=plain_nats
    step build-switches build_with_switches
    step build-tools cargo build --workspace --locked --bin=msgqd-assets --bin=msgqd-rooms --bin=msgqd-picture --examples
    step rooms target/debug/msgqd-rooms .
    step assets target/debug/msgqd-assets target/assets docs/man
    step flags flags_stand_in_the_man_pages
    step settings settings_stand_in_the_man_page
    step units systemd/make-templates --check
}

# The other crates are the same, and need not be built twice.
build_with_switches() {
    if [ ! -d target/switches/release ]; then
        mkdir -p target/switches/release && cp -a target/release/{deps,build,.fingerprint} target/switches/release/
    fi
    reproducibly cargo build --release --locked --workspace --bin msgqd --features msgqd/test-switches \
        --target-dir target/switches
}

# The tests inside of the crates are not optimised: they find overflows, and are built in a fraction of the time. The shipped
# programs are what the black-box tests start. Nothing else runs while rates and costs are compared.
tests_of_programs_alone() {
    in_a_namespace tests timeout 2400 \
        cargo test --workspace --exclude msgqd-system-tests --exclude msgqd-gateway-tests --exclude msgq-nats \
        --locked --no-fail-fast -- --show-output
    step tests-in-the-gateway cargo test --package msgq-nats --lib --locked -- --show-output
    black_box tests-of-speed $(($(nproc) * 3)) "${tests_of_speed[@]/#/--test=}"
}

tests_of_speed=(flood hot_path cost cost_of_handlers)

tests_of_the_programs() {
    local others
    mapfile -t others < <(names_of_tests | grep -vxE "msgqctl|$(IFS='|'; echo "${tests_of_speed[*]}")")
    beside msgqctl black_box msgqctl-tests "$(nproc)" --test=msgqctl
    black_box system-tests $(($(nproc) * 3)) --lib "${others[@]/#/--test=}"
    join msgqctl
}

# A file, or a directory with its main.rs.
names_of_tests() (
    cd tests/system/tests && ls -- *.rs */main.rs | sed 's,/main\.rs$,,; s,\.rs$,,'
)

# black_box STEP THREADS CHOICE...: tests that only start the shipped programs are not optimised themselves, which would take
# minutes. They wait most of the time, so more of them may run at once than there are CPUs.
black_box() {
    local step=$1 threads=$2
    shift 2
    in_a_namespace "$step" timeout 2400 \
        env MSGQD_TEST_PROGRAMS="$PWD/target/release" MSGQD_TEST_SWITCHES="$PWD/target/switches/release/msgqd" \
        cargo test --package msgqd-system-tests --locked --no-fail-fast "$@" -- --show-output --test-threads "$threads"
}

# in_a_namespace STEP COMMAND...: in an IPC namespace of their own the tests see no queue but their own, and the kernel's
# default limits.
in_a_namespace() {
    local name=$1 namespace=(unshare --ipc)
    shift
    [ "$(id -u)" -eq 0 ] || namespace=(unshare --map-root-user --ipc)
    if ! "${namespace[@]}" true 2>/dev/null; then
        skip "a namespace for the tests" "${namespace[*]} is refused here; the tests ran beside this system's queues"
        namespace=()
    fi
    step "$name" "${namespace[@]}" "$@"
}

tour() {
    if [ "$(id -u)" -eq 0 ]; then
        step tour tests/tour/run --check
    else
        skip "tour" "the page is made in namespaces, which needs root"
    fi
}

model() {
    if command -v spin >/dev/null; then
        step model tests/model/run
    else
        skip "model" "spin is missing"
    fi
}

# What cargo-fuzz does without a sanitizer: what is fuzzed is safe code, and a panic is the finding.
fuzzing() {
    local target seconds=${1:-20}
    step fuzz-build build_fuzz_targets || return 0
    for target in frame config table; do
        step "fuzz-$target" fuzz "$target" "$seconds"
    done
    for target in declaration body_to_json json_to_body; do
        step "fuzz-$target" fuzz "$target" "${1:-10}" -len_control=0 -max_len=256
    done
}

# The compiler counts the branches for the fuzzer; with --target it does not in programs that only help to build.
build_fuzz_targets() (
    cd tests/fuzz || exit 1
    flags=(
        -Cpasses=sancov-module
        -Cllvm-args=-sanitizer-coverage-{level=4,inline-8bit-counters,pc-table,trace-compares,stack-depth}
        # Conditions that are joined into one show the fuzzer no way through.
        -Cllvm-args=-simplifycfg-branch-fold-threshold=0
        -Cdebug-assertions -Ccodegen-units=1 -Cdebuginfo=line-tables-only --cfg fuzzing
    )
    RUSTFLAGS=${flags[*]} cargo build --release --locked \
        --target "$(rustc --print host-tuple)" --target-dir ../../target/fuzz
)

# fuzz TARGET SECONDS [OPTION...]: what was found before is tried again first, then new input.
fuzz() (
    cd tests/fuzz || exit 1
    mkdir -p "corpus/$1" "artifacts/$1"
    timeout $((300 + $2)) "../../target/fuzz/$(rustc --print host-tuple)/release/$1" \
        -artifact_prefix="artifacts/$1/" -max_total_time="$2" "${@:3}" "corpus/$1"
)

# Each program and subcommand, its page, and what asks it for help.
flags_stand_in_the_man_pages() {
    local subcommand nested pages=target/assets/gateway/man bad=0
    page_has_flags target/assets/man/msgqd.8 target/release/msgqd || bad=1
    page_has_flags $pages/msgq-nats.8 target/release/msgq-nats || bad=1
    for subcommand in $(subcommands_of target/release/msgq-nats); do
        page_has_flags "$pages/msgq-nats-$subcommand.8" target/release/msgq-nats "$subcommand" || bad=1
    done
    page_has_flags target/assets/man/msgqctl.1 target/release/msgqctl || bad=1
    for subcommand in $(subcommands_of target/release/msgqctl); do
        page_has_flags "target/assets/man/msgqctl-$subcommand.1" target/release/msgqctl "$subcommand" || bad=1
        for nested in $(subcommands_of target/release/msgqctl "$subcommand"); do
            page_has_flags "target/assets/man/msgqctl-$subcommand-$nested.1" \
                target/release/msgqctl "$subcommand" "$nested" || bad=1
        done
    done
    return "$bad"
}

subcommands_of() {
    "$@" --help | awk '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on && /^  [a-z]/ && $1 != "help" { print $1 }'
}

page_has_flags() {
    local page=$1 text flag flags bad=0
    shift
    text=$(rendered "$page")
    flags=$("$@" --help | grep -oE '^ +(-[a-zA-Z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+')
    [ -n "$flags" ] || { echo "$* --help shows no flag"; return 1; }
    for flag in $flags; do
        grep -qE -- "(^|[^a-z-])$flag([^a-z-]|\$)" <<<"$text" || { echo "$flag of $* is not in $page"; bad=1; }
    done
    return "$bad"
}

settings_stand_in_the_man_page() {
    local page=target/assets/man/msgqd.toml.5 text setting settings bad=0
    text=$(rendered "$page")
    settings=$(cat target/assets/settings)
    [ -n "$settings" ] || { echo "target/assets/settings has no setting"; return 1; }
    for setting in $settings; do
        grep -qw -- "${setting#*.}" <<<"$text" || { echo "$setting is not in $page"; bad=1; }
    done
    # The package makes the group; here it need not be there.
    grep -v '^group = ' packaging/msgqd.toml >target/packaged.toml
    target/release/msgqd --config target/packaged.toml --check-config || bad=1
    return "$bad"
}

# Wide enough that no flag is broken at the end of a line.
rendered() {
    MANWIDTH=1000 LC_ALL=C.UTF-8 man --local-file "$1" | col -b
}
