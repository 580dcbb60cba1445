# Programs that the steps need.

# Debian package and the program that shows that it is there; nothing behind the colon where a package has none.
needed_packages=(
    gcc:gcc gcc-multilib: perl:perl php-cli:php python3:/usr/bin/python3 python3-sysv-ipc: strace:strace
    util-linux:unshare procps:pgrep spin:spin lintian:lintian man-db:man mmdebstrap:mmdebstrap
    systemd-container:systemd-nspawn dpkg-dev:dpkg-shlibdeps tmux:tmux python3-prometheus-client: valgrind:valgrind
    python3-jsonschema: zsh:zsh fish:fish bash-completion:
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
        promtool_program
        return 0
    fi
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        step install install_packages "${missing[@]}"
    else
        skip "what needs ${missing[*]}" "missing, and only root can install; apt-get install ${missing[*]}"
    fi
    promtool_program
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

# cargo_tool NAME VERSION: the program, from where it is or else built into target/tools.
cargo_tool() {
    command -v "$1" >/dev/null && return 0
    step "install-$1" cargo install "$1" --version "$2" --locked --root target/tools --target-dir target/tools-build
}
