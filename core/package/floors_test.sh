#!/bin/sh
# SPDX-License-Identifier: MIT
# Arguments: the floors' archives, lowest first. Checks that no floor calls one above it, and that
# the check can fail: a call upwards, planted in a file of each floor, must not link.
set -u
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

wrong() {
    echo "floors: $*" >&2
    failed=1
}

# Functions and data that an archive defines for others, or those that it expects from elsewhere.
defined() {
    nm --defined-only --extern-only --format=posix "$1" 2>/dev/null |
        awk '$2 ~ /^[TDBRVW]$/ { print $1 }' | sort -u
}
expected() {
    nm --undefined-only --format=posix "$1" 2>/dev/null | awk '$2 == "U" { print $1 }' | sort -u
}

# By their names alone: the list below is split at spaces, and a path may hold some.
cd "${1%/*}" || exit 1
below=
checked=0
for archive in "$@"; do
    archive=${archive##*/}
    floor=$archive
    if [ -n "$below" ]; then
        # What the floors so far expect, and only this higher floor defines.
        defined "$archive" >"$work/above"
        for low in $below; do
            expected "$low" >"$work/expected"
            calls=$(comm -12 "$work/above" "$work/expected" | tr '\n' ' ')
            [ -z "$calls" ] || wrong "$low calls up into $floor: $calls"
        done

        # The planted call: links with the higher floor, must not without.
        symbol=$(grep -m 1 '^[mM][sS]_' "$work/above")
        if [ -z "$symbol" ]; then
            wrong "$floor defines nothing of ours"
            continue
        fi
        printf 'extern char %s[];\nint main(void) { return %s[0] == 1; }\n' "$symbol" "$symbol" \
            >"$work/up.c"
        # Higher before lower, as a linker reads archives once. The list is split at its spaces.
        # shellcheck disable=SC2086
        if ! "$CC" "$work/up.c" "$archive" $below -pthread -o "$work/up" 2>"$work/log"; then
            cat "$work/log" >&2
            wrong "the control does not link: $symbol of $floor"
        elif "$CC" "$work/up.c" $below -pthread -o "$work/up" 2>"$work/log"; then
            wrong "a call to $symbol of $floor links without it"
        elif ! grep -q "undefined reference to .$symbol" "$work/log"; then
            cat "$work/log" >&2
            wrong "the planted call failed for another reason"
        else
            checked=$((checked + 1))
        fi
    fi
    below="$archive $below"
done
[ $failed = 0 ] || exit 1
echo "floors: $# floors, $checked planted calls upwards refused"
