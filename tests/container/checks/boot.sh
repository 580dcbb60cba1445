# The machine is booted again.

checks_of_boots() {
    check after_a_boot_the_service_serves_as_before
    check a_stopped_and_disabled_service_stays_so_over_a_boot
}

after_a_boot_the_service_serves_as_before() {
    start_service
    is_answered
    machine_reboot
    [ "$(inside systemctl is-active msgqd)" = active ]
    is_answered
    # What lies in /var/lib and /etc is of the boot before; what it tells is not taken for something lost.
    refute journal --boot --unit=msgqd --output=cat --priority=warning --grep=.
}

a_stopped_and_disabled_service_stays_so_over_a_boot() {
    inside systemctl disable --now msgqd
    queue_is_gone
    machine_reboot
    [ "$(inside systemctl is-active msgqd || true)" = inactive ]
    queue_is_gone
    inside systemctl enable --now msgqd
    is_answered
}
