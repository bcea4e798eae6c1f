#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints a conformance table: every clause of a contract beside the tests that name it in a comment, or
# the line that says why there is none, or "missing".
#
#   core/conformance/table.sh > core/CONFORMANCE.md               of contract/dma-contract.md
#   core/conformance/table.sh kmdf > core/CONFORMANCE-KMDF.md     of contract/kmdf-contract.md
#
# A comment inside a test, or directly above one, counts for that test. In a helper it counts for
# the helper. Ranges (CBF-01..CBF-06, CBF-01..06) name all between. An ID that no clause has is an
# error: a typing mistake must not look like proof.
set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.."
case ${1-dma} in
dma) prefix='' made=table.sh ;;
kmdf) prefix=kmdf_ made='table.sh kmdf' ;;
*)
    echo "usage: core/conformance/table.sh [dma|kmdf]" >&2
    exit 2
    ;;
esac
find . -name '*_test.c' -o -name '*_storm.c' -o -name '*_sim.c' | sort >"${TMPDIR:-/tmp}/clauses.$$"
trap 'rm -f "${TMPDIR:-/tmp}/clauses.$$"' EXIT
# shellcheck disable=SC2046 # no test's name has a space
awk -f conformance/table.awk "conformance/${prefix}clauses.def" "conformance/${prefix}explained.def" \
    contract="${1-dma}-contract" made="$made" $(cat "${TMPDIR:-/tmp}/clauses.$$")
