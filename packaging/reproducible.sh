# What makes two builds of the same source the same, byte for byte, whatever the directory, CARGO_HOME and time.

# reproducibly COMMAND...: the command with the compiler's flags and the time that packages are built with. What is
# built without them is not wrong, but its bytes are others.
reproducibly() {
    local home=${CARGO_HOME:-$HOME/.cargo} epoch
    epoch=$(date --date "$(sed -n 's/^ -- .*>  //p' packaging/changelog | head -n 1)" +%s)
    # CFLAGS: the parts in C of the gateway's crates.
    RUSTFLAGS="--remap-path-prefix=$home=/usr/src/cargo --remap-path-prefix=$PWD=/usr/src/msgqd" \
        CFLAGS="-ffile-prefix-map=$home=/usr/src/cargo -ffile-prefix-map=$PWD=/usr/src/msgqd" \
        SOURCE_DATE_EPOCH=$epoch "$@"
}
