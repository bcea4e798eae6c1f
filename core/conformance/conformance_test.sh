#!/bin/sh
# SPDX-License-Identifier: MIT
# The committed tables are those that the tests' comments make, every clause they name exists, and every
# clause of the contracts has its row.
set -eu
core=$1
made=$(mktemp)
trap 'rm -f "$made"' EXIT

check() { # NAME TABLE CONTRACT
    "$core/conformance/table.sh" "$1" >"$made"
    if ! diff -u "$core/$2" "$made"; then
        echo "core/$2 is old: core/conformance/table.sh $1 > core/$2" >&2
        exit 1
    fi
    # shellcheck disable=SC2013 # one word a line
    for clause in $(sed -n 's/^[-|] \*\*\([A-Z][A-Z][A-Z]-P*[0-9][0-9]\)\*\*.*/\1/p' "$core/contract/$3"); do
        grep -q "^| $clause |" "$made" || { echo "$clause has no row in core/$2" >&2; exit 1; }
    done
}
check dma CONFORMANCE.md dma-contract.md
check kmdf CONFORMANCE-KMDF.md kmdf-contract.md
