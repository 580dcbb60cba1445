# The Debian package, its life on a real systemd, and what is released besides.

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
    step package-contents tests/package/contents target/debian
    step package-contents-of-the-gateway tests/package/contents_of_gateway target/debian
    step set-ups tests/package/set_ups target/release
    step sbom bills_of_materials_are_true
}

# What is released besides the package of this machine, and that it can be made again.
releases() {
    [ -z "$(ls target/debian/msgqd_*.deb 2>/dev/null)" ] || step reproducible packages_are_reproducible
    if git rev-parse HEAD >/dev/null 2>&1; then
        step release tests/package/release
    else
        skip "release" "this is no clone of the repository"
    fi
    crates_as_packaged
    arm64
}

build_package() {
    rm -f target/debian/msgqd*deb
    cargo build --workspace --locked --bin=msgqd-assets || return 1
    packaging/build-deb --assets target/debug/msgqd-assets target/debian
}

# Overrides are in packaging/lintian-overrides, each with its reason.
lintian_is_silent() {
    local root=()
    [ "$(id -u)" -ne 0 ] || root=(--allow-root)
    said=$(lintian "${root[@]}" --pedantic --display-info --fail-on error,warning,info,pedantic target/debian/*deb 2>&1) ||
        { echo "$said"; return 1; }
    echo "$said"
    [ -z "$said" ]
}

# The schemas come with the package cyclonedx-python-lib, which the checksum names.
bills_of_materials_are_true() (
    checksum=0e807521a921a5c3cb8ce1153f8a61d29eedfe76a46aac2796b7c6b573391a54
    wheel=target/tools/cyclonedx
    if [ ! -d "$wheel/cyclonedx" ]; then
        rm -rf "$wheel"
        if ! pip3 download --quiet --no-deps --only-binary :all: --require-hashes --dest "$wheel" \
            --requirement /dev/stdin <<<"cyclonedx-python-lib==11.12.0 --hash=sha256:$checksum"; then
            echo "not run: sbom: the schemas of CycloneDX cannot be had"
            exit 0
        fi
        python3 -m zipfile --extract "$wheel"/*.whl "$wheel" || exit 1
    fi
    # Debian's Python, which has jsonschema.
    /usr/bin/python3 tests/package/check_sbom.py target/assets/sbom.cdx.json "$wheel/cyclonedx/schema/_res" msgqd msgqctl &&
        /usr/bin/python3 tests/package/check_sbom.py target/assets/gateway/sbom.cdx.json "$wheel/cyclonedx/schema/_res" msgq-nats
)

# A CARGO_HOME in which nothing is unpacked: what cargo downloaded before is used again.
cargo_home_with_nothing_unpacked() {
    local downloads=${CARGO_HOME:-$HOME/.cargo}
    rm -rf "$1" && mkdir -p "$1/registry" && ln -s "$downloads/registry/cache" "$downloads/registry/index" "$1/registry/" || return 1
    [ ! -e "$downloads/config.toml" ] || cp "$downloads/config.toml" "$1/"
}

# Another directory, another CARGO_HOME, another day. What was downloaded before is used again, and so is the program
# that writes the pages; it runs in the other directory. The gateway, whose crates take as long as all others together, only where
# `tests/run release` asks for it.
packages_are_reproducible() (
    only=()
    [ "$chosen" = release ] || only=(--only msgqd)
    first=$PWD
    second=$PWD/target/second-build
    rm -rf "$second" && mkdir -p "$second/source" || exit 1
    cargo_home_with_nothing_unpacked "$second/home" || exit 1
    tar --create --exclude=./target --exclude=./tests/fuzz/target --exclude=./.git . | tar --extract --directory "$second/source"
    git_directory=$(git rev-parse --absolute-git-dir 2>/dev/null) && echo "gitdir: $git_directory" >"$second/source/.git"
    cd "$second/source" || exit 1
    CARGO_HOME=$second/home CARGO_TARGET_DIR=$second/target \
        packaging/build-deb --assets "$first/target/debug/msgqd-assets" "${only[@]}" "$second/debian" || exit 1
    for package in "$second"/debian/*deb; do
        cmp "$package" "$first/target/debian/$(basename "$package")" || exit 1
    done
    rm -rf "$second"
)

# On Debian 12 and 13 and Ubuntu 24.04, side by side. Among the checks: systemd-analyze verify and security, which need
# the installed unit.
container() {
    if [ -z "$(ls target/debian/msgqd_*.deb 2>/dev/null)" ]; then
        skip "container" "there is no package"
    elif [ "$(id -u)" -ne 0 ]; then
        skip "container" "booting a container needs root"
    else
        step container timeout --signal=INT --kill-after=60 1800 tests/container/run
    fi
}

# The crates as cargo would publish them: packed, unpacked, and each built from there with the others as a registry has
# them. Then the two programs are installed from what was unpacked. The gateway's crate is only packed: to build its runtime and
# TLS once more would take minutes.
crates_as_packaged() {
    step crate-of-the-gateway cargo package --locked --allow-dirty --no-verify --package msgq-core --package msgq-nats
    step crates crates_build_from_what_is_packed || return 0
    step crates-install programs_install_from_their_crates
}

# cargo unpacks msgq-core of the registry that it makes for this into CARGO_HOME, and takes what is there by name, version and
# the registry's path: in this directory, what an earlier commit packed.
crates_build_from_what_is_packed() (
    home=$PWD/target/home-of-packages
    cargo_home_with_nothing_unpacked "$home" || exit 1
    CARGO_HOME=$home cargo package --locked --allow-dirty --package msgq-core --package msgqd --package msgqctl || exit 1
    rm -rf "$home"
)

programs_install_from_their_crates() (
    version=$(cargo pkgid --package msgq-core | sed 's/.*[#@]//')
    root=target/installed
    rm -rf "$root"
    core=$PWD/target/package/msgq-core-$version
    for crate in msgq-core msgqd msgqctl; do
        rm -rf "target/package/$crate-$version"
        tar --extract --gzip --directory target/package --file "target/package/$crate-$version.crate" || exit 1
        for file in README.md LICENSE LICENSE-MIT LICENSE-APACHE; do
            [ -s "target/package/$crate-$version/$file" ] || { echo "$crate has no $file"; exit 1; }
        done
    done
    for program in msgqd msgqctl; do
        # The crate beside it stands for the one that the registry will have; all others are those of the lock file.
        sed -i '/^name = "msgq-core"$/,/^$/{/^source = /d;/^checksum = /d}' "target/package/$program-$version/Cargo.lock"
        cargo install --quiet --debug --locked --path "target/package/$program-$version" --root "$root" --target-dir target \
            --config "patch.crates-io.msgq-core.path='$core'" || exit 1
        "$root/bin/$program" --version | grep --fixed-strings "$program $version" || exit 1
    done
    rm -rf "$root" target/package
)

# arm64 from here: what depends on sizes and alignment is tried under an emulator, and the package is made. Not optimised,
# as what differs is the machine. Without the package of the gateway, which has nothing of that kind, and whose crates would
# take minutes: packaging/release builds it.
arm64() {
    local target=aarch64-unknown-linux-gnu
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc-12
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu"
    if ! command -v aarch64-linux-gnu-gcc-12 >/dev/null || ! command -v qemu-aarch64 >/dev/null; then
        skip "arm64" "aarch64-linux-gnu-gcc-12 or qemu-aarch64 is missing"
    elif ! rust_has "$target"; then
        skip "arm64" "Rust's library for $target can only be had with rustup"
    else
        # qemu's msgrcv writes a type where there was no message, so one test shows qemu and not the code.
        step arm64-tests reproducibly env PROPTEST_CASES=32 cargo test --profile quick --target "$target" --locked \
            --package msgq-core --lib -- frame layout table --skip the_slot_alone_tells_of_a_message
        skip "the_slot_alone_tells_of_a_message_and_its_length_until_it_is_finished on arm64" \
            "qemu writes a message's type where msgrcv fails"
        cargo_tool cargo-deb 3.8.0 && step arm64-package build_package_for_arm64 "$target"
    fi
}

rust_has() {
    [ -d "$(rustc --print sysroot)/lib/rustlib/$1" ] || timeout 120 rustup target add "$1" >"$logs/rustup.log" 2>&1
}

build_package_for_arm64() {
    local output=target/debian-arm64
    rm -rf "$output"
    packaging/build-deb --target "$1" --profile quick --assets target/debug/msgqd-assets --only msgqd "$output" || return 1
    [ "$(dpkg-deb --field "$output"/msgqd_*.deb Architecture)" = arm64 ] || return 1
    qemu-aarch64 -L /usr/aarch64-linux-gnu "target/$1/quick/msgqd" --config /dev/null --check-config || return 1
    qemu-aarch64 -L /usr/aarch64-linux-gnu "target/$1/quick/msgqctl" --version || return 1
    tests/package/contents "$output"
}
