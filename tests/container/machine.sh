# The container: its boot, its end. Sets machine_error to a sentence when something fails.

machine_error=
machine_place=
machine_launcher=
machine_init=
machine_log=

# machine_boot DIRECTORY FIXTURES: boots a copy of the root file system in memory, with the directory of the package at
# /packages and that of the earlier ones at /earlier.
machine_boot() {
    machine_place=$(mktemp -d "$target/container/live.XXXXXX")
    machine_log=$machine_place.log
    # A private mount namespace holds every mount, so that all of them end with the container. In it, /sys/fs/cgroup
    # must be a cgroup2 and /run/systemd/system must exist, or systemd-nspawn does not start a systemd. mlock, which a
    # container is refused otherwise, is what a service may do on a machine. A cgroup of its own, since systemd takes the
    # one that it finds itself in, and two in one would end each other's services.
    unshare --mount --propagation private bash -c '
        set -e
        umount -R /sys/fs/cgroup
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        own=/sys/fs/cgroup/$3
        mkdir "$own"
        echo $$ >"$own/cgroup.procs"
        mkdir -p /run/systemd
        mount -t tmpfs tmpfs /run/systemd
        mkdir -p /run/systemd/system
        mount -t tmpfs tmpfs "$1"
        cd "$1"
        mkdir upper work root
        mount -t overlay -o "lowerdir=$2,upperdir=upper,workdir=work" overlay root
        # 133: it is to be booted again.
        status=133
        while [ "$status" -eq 133 ]; do
            status=0
            systemd-nspawn --directory=root --boot --register=no --keep-unit --link-journal=no --console=pipe \
                --system-call-filter=@memlock --private-network --quiet --machine="$3" --bind-ro="$4":/packages \
                --bind-ro="$5":/earlier || status=$?
        done
        echo $$ >/sys/fs/cgroup/cgroup.procs
        find "$own" -depth -type d -exec rmdir {} +
    ' bash "$machine_place" "$machine_cache" "msgqd-test-$$" "$1" "$2" </dev/null >"$machine_log" 2>&1 &
    machine_launcher=$!
    has_come_up
}

has_come_up() {
    wait_until 30 find_init || { machine_error="no init: $(tail -n 5 "$machine_log")"; return 1; }
    wait_until 120 has_booted || { machine_error="it did not boot: $(tail -n 5 "$machine_log")"; return 1; }
}

# Another than before, where it is booted again.
find_init() {
    local nspawn child
    nspawn=$(pgrep --parent "$machine_launcher" -x systemd-nspawn) || return 1
    child=$(pgrep --parent "$nspawn" -x systemd) || return 1
    [ "$child" != "$machine_init" ] && machine_init=$child
}

# What is in /run and in memory is gone then, as after a reboot of any machine.
machine_reboot() {
    inside systemctl reboot || true
    has_come_up || fail "$machine_error"
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
    [ -z "$machine_place" ] || { rmdir "$machine_place" && rm -f "$machine_log"; }
}
