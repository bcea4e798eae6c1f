#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints the conformance table: every clause of clauses.def beside the tests that name it in a
# comment, or the line of explained.def that says why there is none, or "missing".
#
#   core/conformance/table.sh > core/CONFORMANCE.md
#
# A comment inside a test, or directly above one, counts for that test. In a helper it counts for
# the helper. Ranges (CBF-01..CBF-06, CBF-01..06) name all between. An ID that no clause has is an
# error: a typing mistake must not look like proof.
set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.."
find . -name '*_test.c' -o -name '*_storm.c' -o -name '*_sim.c' | sort >"${TMPDIR:-/tmp}/clauses.$$"
trap 'rm -f "${TMPDIR:-/tmp}/clauses.$$"' EXIT
# shellcheck disable=SC2046 # no test's name has a space
awk -f conformance/table.awk conformance/clauses.def conformance/explained.def \
    $(cat "${TMPDIR:-/tmp}/clauses.$$")
