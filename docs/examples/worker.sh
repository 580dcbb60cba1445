#!/bin/sh
# A worker for msgqd that answers each text in capitals. See docs/handler-protocol.md.

# Lengths count bytes and not characters.
export LC_ALL=C
read -r hello
echo "msgqd-handler 1"
while read -r word id client_pid deadline_ms length; do
    # $(...) drops newlines at the end; the dot behind them keeps them.
    answer=$(head -c "$length" | tr a-z A-Z; echo .)
    answer=${answer%.}
    printf 'answer %s 0 %s\n%s' "$id" "${#answer}" "$answer"
done
