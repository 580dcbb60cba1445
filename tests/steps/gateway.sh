# The gateway between queues and NATS: hosts in namespaces, with Debian's nats-server between them.

needed_packages+=(openssl:openssl iproute2:ip)
programs_shipped+=(msgq-nats)

# The long form: gateway_for SECONDS.
gateway_for() {
    step build reproducibly cargo build --release --workspace --locked "${programs_shipped[@]/#/--bin=}" \
        --example=plain_nats || return 0
    in_a_namespace gateway-alone timeout 1200 cargo test --package msgq-nats --locked --no-fail-fast --tests -- --show-output
    gateway_tests gateway-long $(($1 + 14400)) MSGQD_GATEWAY_SECONDS="$1"
    sed -n '/ stdout ----$/,/^$/p' "$logs/gateway-long.log"
}

# gateway_tests STEP LIMIT [NAME=VALUE...]: each test makes its namespaces by itself. Most of them wait, but what is measured
# is in a file of its own, and cargo runs one file after the other.
gateway_tests() {
    local step=$1 limit=$2
    shift 2
    step "$step" timeout "$limit" env MSGQD_TEST_PROGRAMS="$PWD/target/release" "$@" \
        cargo test --package msgqd-gateway-tests --locked --no-fail-fast --tests -- --show-output --test-threads 3
}
