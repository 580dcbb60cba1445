# What is checked of each package, from within its unpacked tree; ../debug is that of its debug symbols. `doc` is the directory of its
# documents, `programs` are its programs, and `source` is this source.

every_file_but_the_configuration_has_its_checksum() {
    md5sum --check --strict --quiet DEBIAN/md5sums
    find . -path ./DEBIAN -prune -o -path ./etc -prune -o -type f -printf '%P\n' | LC_ALL=C sort >../files
    sed 's/^[0-9a-f]*  //' DEBIAN/md5sums | cmp - ../files
}

the_control_file_names_a_home_page() {
    grep '^Homepage: https://' DEBIAN/control
}

third_parties_are_named_with_their_licences() {
    local linked name
    linked=$(jq -r '.components[] | select(.scope == "required" and .purl != null) | .name' "$doc/sbom.cdx.json")
    for name in $linked; do
        case $name in msgq*|rust) continue ;; esac
        grep -q "^$name [0-9]" "$doc/third-party-notices" || { echo "$name"; return 1; }
    done
    grep -q 'WITHOUT WARRANTY OF ANY KIND' "$doc/third-party-notices"
}

debug_symbols_are_in_the_other_package_under_the_build_ids() {
    local program id
    for program in $programs; do
        readelf --sections --wide "$program" >../sections
        fails grep '\.debug_line' ../sections
        id=$(readelf --notes "$program" | sed -n 's/.*Build ID: //p')
        readelf --sections --wide "../debug/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug" | grep -q '\.debug_line'
    done
}

programs_are_hardened() {
    local program
    for program in $programs; do
        readelf --file-header "$program" | grep 'Type:.*DYN'
        readelf --program-headers --wide "$program" | grep 'GNU_RELRO'
        readelf --program-headers --wide "$program" | grep 'GNU_STACK .* RW '
        readelf --dynamic "$program" | grep 'FLAGS.*NOW'
    done
}

programs_tell_the_commit_they_were_made_from() {
    local program commit
    commit=$(git -C "$source" rev-parse --short=12 HEAD) || commit='unknown'
    for program in $programs; do
        "$program" --version | grep "^commit: $commit"
    done
}

no_file_tells_where_it_was_built() {
    fails grep --recursive --text --files-with-matches --fixed-strings -e "$source/" -e "${CARGO_HOME:-$HOME/.cargo}/" . ../debug
}

checks_of_every_package() {
    check every_file_but_the_configuration_has_its_checksum
    check the_control_file_names_a_home_page
    check third_parties_are_named_with_their_licences
    check debug_symbols_are_in_the_other_package_under_the_build_ids
    check programs_are_hardened
    # Those of another architecture cannot be asked.
    if grep --quiet "^Architecture: $(dpkg --print-architecture)$" DEBIAN/control; then
        check programs_tell_the_commit_they_were_made_from
    fi
    check no_file_tells_where_it_was_built
}
