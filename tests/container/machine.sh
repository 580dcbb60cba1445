# The container: its root file system, its boot, its end. Sets machine_error to a sentence when something fails.

# Beside the essential packages: an init, what systemctl and logins talk through, and what the checks look with.
machine_packages=systemd-sysv,dbus,libpam-systemd,man-db,bash-completion,procps
machine_error=
machine_place=
machine_launcher=
machine_init=

# Makes the root file system once, from where this machine gets its own packages.
machine_root() {
    machine_cache="$target/container/bookworm-$(echo "$machine_packages" | cksum | cut -d ' ' -f 1)"
    [ -d "$machine_cache" ] && return 0
    local sources options=() setting
    sources=$(machine_sources)
    # A machine that was never updated knows addresses, but not what is there.
    [ -n "$sources" ] || { apt-get update >/dev/null 2>&1 && sources=$(machine_sources); }
    if [ -z "$sources" ]; then
        machine_error="apt has no index of Debian 12 (bookworm) here, also after apt-get update"
        return 1
    fi
    while IFS= read -r setting; do
        options+=("--aptopt=$setting")
    done < <(apt-config dump | grep -E '^Acquire::(Check-Valid-Until|Check-Date|https?::Proxy) ')
    mkdir -p "$target/container"
    rm -rf "$machine_cache.new"
    # Output goes to a file, so that a failure can be shown and a success is silent.
    if ! timeout 900 mmdebstrap --variant=minbase --include="$machine_packages" "${options[@]}" \
        bookworm "$machine_cache.new" - <<<"$sources" >"$machine_cache.log" 2>&1; then
        machine_error="mmdebstrap failed: $(tail -n 5 "$machine_cache.log" | tr '\n' '|')"
        return 1
    fi
    mv "$machine_cache.new" "$machine_cache"
}

machine_sources() {
    apt-get indextargets --format '$(CODENAME) deb $(SITE) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' | sed -n 's/^bookworm[a-z-]* //p'
}

# Boots a copy of the root file system in memory, with the directory of the package at /packages.
machine_boot() {
    machine_place=$(mktemp -d "$target/container/live.XXXXXX")
    # A private mount namespace holds every mount, so that all of them end with the container. In it, /sys/fs/cgroup
    # must be a cgroup2 and /run/systemd/system must exist, or systemd-nspawn does not start a systemd. mlock, which a
    # container is refused otherwise, is what a service may do on a machine.
    unshare --mount --propagation private bash -c '
        set -e
        umount -R /sys/fs/cgroup
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        mkdir -p /run/systemd
        mount -t tmpfs tmpfs /run/systemd
        mkdir -p /run/systemd/system
        mount -t tmpfs tmpfs "$1"
        cd "$1"
        mkdir upper work root
        mount -t overlay -o "lowerdir=$2,upperdir=upper,workdir=work" overlay root
        exec systemd-nspawn --directory=root --boot --register=no --keep-unit --link-journal=no --console=pipe \
            --system-call-filter=@memlock --private-network --quiet --machine="$3" --bind-ro="$4":/packages
    ' bash "$machine_place" "$machine_cache" "msgqd-test-$$" "$1" </dev/null >"$target/container/boot.log" 2>&1 &
    machine_launcher=$!
    wait_until 30 find_init || { machine_error="no init: $(tail -n 5 "$target/container/boot.log")"; return 1; }
    wait_until 120 has_booted || { machine_error="it did not boot: $(tail -n 5 "$target/container/boot.log")"; return 1; }
}

find_init() {
    local child
    child=$(pgrep --parent "$machine_launcher" -x systemd) || return 1
    machine_init=$child
}

has_booted() {
    local state
    state=$(inside systemctl is-system-running)
    [ "$state" = running ] || [ "$state" = degraded ]
}

# Runs a command in the container as root, for at most a minute and a half.
inside() {
    timeout --kill-after=5 90 nsenter --target "$machine_init" --all -- \
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

launcher_is_gone() {
    ! kill -0 "$machine_launcher" 2>/dev/null
}

machine_off() {
    if [ -n "$machine_init" ]; then
        inside systemctl poweroff >/dev/null 2>&1
        # Without its init, nothing of the container lives on.
        wait_until 30 launcher_is_gone || kill -KILL "$machine_init" 2>/dev/null
    fi
    if [ -n "$machine_launcher" ]; then
        wait_until 10 launcher_is_gone || kill -KILL "$machine_launcher" 2>/dev/null
        wait "$machine_launcher" 2>/dev/null
    fi
    [ -z "$machine_place" ] || rmdir "$machine_place"
}
