# The Debian package, and its life on a real systemd.

package() {
    if ! cargo_tool cargo-deb 3.8.0; then
        skip "package" "cargo-deb could not be built"
        return
    fi
    step package build_package || return 0
    if command -v lintian >/dev/null; then
        step lintian lintian_is_silent
    else
        skip "lintian" "lintian is missing"
    fi
    [ -n "$(ls target/debian/msgqd_*.deb 2>/dev/null)" ]
}

build_package() {
    rm -f target/debian/msgqd_*.deb
    # The whole workspace, so that no feature differs from what was tested.
    cargo build --release --locked --workspace &&
        target/release/msgqd-assets target/assets docs/man &&
        cargo deb --package msgqd --no-build --output target/debian/
}

# Overrides are in packaging/lintian-overrides, each with its reason.
lintian_is_silent() {
    local root=()
    [ "$(id -u)" -ne 0 ] || root=(--allow-root)
    lintian "${root[@]}" --fail-on error,warning target/debian/msgqd_*.deb
}

# Among its checks: systemd-analyze verify and security, which need the installed unit.
container() {
    if [ -z "$(ls target/debian/msgqd_*.deb 2>/dev/null)" ]; then
        skip "container" "there is no package"
    elif [ "$(id -u)" -ne 0 ]; then
        skip "container" "booting a container needs root"
    else
        step container timeout --signal=INT --kill-after=60 1800 tests/container/run
    fi
}
