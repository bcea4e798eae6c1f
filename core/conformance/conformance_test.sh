#!/bin/sh
# SPDX-License-Identifier: MIT
# The committed table is the one that the tests' comments make, and every clause they name exists.
set -eu
core=$1
made=$(mktemp)
trap 'rm -f "$made"' EXIT
"$core/conformance/table.sh" >"$made"
if ! diff -u "$core/CONFORMANCE.md" "$made"; then
    echo "core/CONFORMANCE.md is old: core/conformance/table.sh > core/CONFORMANCE.md" >&2
    exit 1
fi
# shellcheck disable=SC2013 # one word a line
for clause in $(sed -n 's/^MS_CLAUSE("\([A-Z]*-[0-9]*\)".*/\1/p' "$core/conformance/clauses.def"); do
    grep -q "^| $clause |" "$made" || { echo "$clause has no row" >&2; exit 1; }
done
