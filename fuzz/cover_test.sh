#!/bin/sh
# SPDX-License-Identifier: MIT
# cover_test.sh SOURCE WORK: `mapstorm cover`: what it counts, what it demands, what it refuses. The
# numbers demanded here are a ratchet: they only grow.
set -u
source=$1
work=$2
mkdir -p "$work" || exit 1
errors=0
wrong() {
    printf 'wrong: %s\n' "$*"
    tail -n 5 "$work/out" "$work/err"
    errors=$((errors + 1))
}
cover() { # CODE ARGUMENT...
    code=$1
    shift
    "$source/fuzz/cover.sh" "$work/build" "$@" >"$work/out" 2>"$work/err"
    got=$?
    [ "$got" = "$code" ] || wrong "'cover $*' ended with $got, not $code"
}
if ! cmake -S "$source" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DMAPSTORM_BUILD_BENCH=OFF \
    -DCMAKE_C_COMPILER=gcc -DCMAKE_C_FLAGS='--coverage -DMS_MEASURED=1' >"$work/log" 2>&1 ||
    ! cmake --build "$work/build" --target mapstorm-fuzz >>"$work/log" 2>&1; then
    tail -n 20 "$work/log"
    exit 1
fi
cover 0 --lines 53 --branches 48 --pairs "$work/pairs.txt"
grep -q 'all of core that has targets' "$work/out" || wrong 'no sum'
grep -q ' never$' "$work/out" || wrong 'no sum of the pairs'
grep -q '^never' "$work/pairs.txt" || wrong 'no list of pairs'
all=$(sed -n 's/ % of.*all of core.*//p' "$work/out")
cover 1 --lines 100 "$source/corpus/waitlist"
grep -q 'below what is demanded' "$work/out" || wrong 'it does not say what is missing'
cover 0 --uncovered "$source/corpus/strategies"
grep -qE '^core/adapter/[a-z_]*\.c:[0-9]+:' "$work/out" || wrong 'lines that nobody reached are not listed'
some=$(sed -n 's/ % of.*all of core.*//p' "$work/out")
awk "BEGIN { exit !($some < $all) }" || wrong "a part of the corpus reaches as much as all ($some, $all)"
cover 2 nowhere
cover 2 --lines many
cover 2 --frobnicate
cover 0 --help
"$source/fuzz/cover.sh" "$work/none" >"$work/out" 2>"$work/err"
[ $? = 3 ] || wrong 'a build that is not there'
[ $errors = 0 ]
