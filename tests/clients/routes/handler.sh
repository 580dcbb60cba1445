#!/bin/sh
# What takes one-way messages behind msgqd, one for each start: handler.sh WORK [PATTERN], the text on standard input.
#
# WORK is takes, third, until-third, always or hangs, as in handler.py; what it did is appended to the file $TAKEN.
set -eu
work=$1 pattern=${2-}
text=$(cat)
exec 9>>"$TAKEN"
flock 9

failed_before() { grep -cFx "failed $text" "$TAKEN" || true; }

case $text in *"$pattern"*) ;; *) work=takes ;; esac
case $work in
    takes) did=took ;;
    third) if [ $(($(wc -l <"$TAKEN") % 3)) -eq 2 ]; then did=failed; else did=took; fi ;;
    until-third) if [ "$(failed_before)" -lt 2 ]; then did=failed; else did=took; fi ;;
    always) did=failed ;;
    hangs) did=hangs ;;
    *) echo "there is no work $work" >&2; exit 2 ;;
esac
echo "$did $text" >&9
exec 9>&-
case $did in
    hangs) exec sleep infinity ;;
    failed) echo 'this time it fails' >&2; exit 1 ;;
esac
