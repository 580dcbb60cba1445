# What the package brings besides the service.

checks_of_the_package() {
    check dpkg_finds_every_installed_file_as_it_was_packed
    check the_metrics_timer_is_installed_and_not_enabled
    check the_metrics_timer_is_enabled_by_one_command
    check documents_and_schemas_are_installed
}

# Without checksums in the package dpkg would compare with what it found after unpacking.
dpkg_finds_every_installed_file_as_it_was_packed() {
    inside grep -q ' usr/sbin/msgqd$' /var/lib/dpkg/info/msgqd.md5sums
    local complaints
    # Other checks may have edited the configuration; what the image leaves out is `missing`.
    complaints=$(inside dpkg --verify msgqd | grep -v ' /etc/\|^missing .*/usr/share/\(doc\|man\|locale\)/' || true)
    [ -z "$complaints" ] || fail "$complaints"
}

the_metrics_timer_is_installed_and_not_enabled() {
    # Both exit with another code than 0 here.
    [ "$(inside systemctl is-enabled msgqd-metrics.timer || true)" = disabled ]
    [ "$(inside systemctl is-active msgqd-metrics.timer || true)" = inactive ]
    inside systemd-analyze verify msgqd-metrics.service msgqd-metrics.timer
}

# Enabled it stays, so that the removal has to take it away.
the_metrics_timer_is_enabled_by_one_command() {
    inside systemctl enable --now msgqd-metrics.timer
    [ "$(inside systemctl is-active msgqd-metrics.timer)" = active ]
}

documents_and_schemas_are_installed() {
    local listed
    listed=$(inside dpkg --listfiles msgqd)
    grep -qx /usr/share/doc/msgqd/operations.md <<<"$listed"
    inside test -s /usr/share/msgqd/schema/stat.v1.json
    inside test -s /usr/share/msgqd/alerts.yaml
}
