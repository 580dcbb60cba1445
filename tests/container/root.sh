# The root file systems of the releases, each made once. Sets machine_error to a sentence when something fails.

# Beside the essential packages: an init, what systemctl and logins talk through, and what the checks look with.
machine_packages=systemd-sysv,dbus,libpam-systemd,man-db,bash-completion,procps
# As the archives call them.
machine_releases="bookworm trixie noble"

# machine_root RELEASE: sets machine_cache.
machine_root() {
    local release=$1
    # Ubuntu does not count apt among its essential packages.
    [ "$release" != noble ] || machine_packages+=,apt
    # For the room `gateway`.
    [ "$release" != bookworm ] || machine_packages+=,nats-server
    machine_cache="$target/container/$release-$(echo "$machine_packages" | cksum | cut -d ' ' -f 1)"
    mkdir -p "$target/container"
    # Two runs beside each other make it once.
    exec 6>"$machine_cache.lock"
    flock 6
    [ -d "$machine_cache" ] || make_root "$release"
    local made=$?
    exec 6>&-
    return "$made"
}

make_root() {
    local release=$1 sources options=() setting
    sources=$(sources_of "$release")
    if [ -z "$sources" ]; then
        machine_error="there is no archive of $release here: apt knows none of Debian, or has no keys of Ubuntu"
        return 1
    fi
    while IFS= read -r setting; do
        options+=("--aptopt=$setting")
    done < <(apt_settings)
    rm -rf "$machine_cache.new"
    # Output goes to a file, so that a failure can be shown and a success is silent.
    if ! timeout 900 mmdebstrap --variant=minbase --include="$machine_packages" "${options[@]}" \
        "$release" "$machine_cache.new" - <<<"$sources" >"$machine_cache.log" 2>&1; then
        machine_error="mmdebstrap failed: $(tail -n 5 "$machine_cache.log" | tr '\n' '|')"
        return 1
    fi
    mv "$machine_cache.new" "$machine_cache"
}

apt_settings() {
    apt-config dump | grep -E '^Acquire::(Check-Valid-Until|Check-Date|https?::Proxy) '
}

# Lines as in sources.list, none where there is no archive.
sources_of() {
    case $1 in
    noble) sources_of_ubuntu "$1" ;;
    *) sources_of_debian "$1" ;;
    esac
}

# From where this machine gets its own packages, which serves its other releases too.
sources_of_debian() {
    local sources
    sources=$(sources_of_this_machine)
    # A machine that was never updated knows addresses, but not what is there.
    [ -n "$sources" ] || { apt-get update >/dev/null 2>&1 && sources=$(sources_of_this_machine); }
    sed -E "s/\\b$(own_release)/$1/g" <<<"$sources"
}

own_release() {
    sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

sources_of_this_machine() {
    apt-get indextargets --format '$(CODENAME) deb $(SITE) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' | sed -nE "s/^$(own_release)[a-z-]* //p"
}

sources_of_ubuntu() {
    local keyring mirror=http://archive.ubuntu.com/ubuntu
    keyring=$(ubuntu_keyring) || return 1
    printf "deb [signed-by=$keyring] $mirror %s main universe\n" "$1" "$1-updates"
}

# Debian signs a package with Ubuntu's keys, which is trusted as all of its packages are.
ubuntu_keyring() {
    local name=usr/share/keyrings/ubuntu-archive-keyring.gpg kept="$target/container/ubuntu-archive-keyring.gpg"
    local keyring options=() setting made
    for keyring in "/$name" "$kept"; do
        [ ! -f "$keyring" ] || { echo "$keyring"; return 0; }
    done
    while IFS= read -r setting; do
        options+=("--aptopt=$setting")
    done < <(apt_settings)
    sources_of_debian trixie | timeout 300 mmdebstrap --variant=extract --include=ubuntu-keyring "${options[@]}" \
        trixie "$kept.from" - >"$kept.log" 2>&1 && cp "$kept.from/$name" "$kept"
    made=$?
    rm -rf "$kept.from"
    [ "$made" -eq 0 ] && echo "$kept"
}
