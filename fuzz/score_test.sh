#!/bin/sh
# SPDX-License-Identifier: MIT
# score_test.sh SOURCE WORK: the score finds an easy plant, says which it found before and finds no more, and
# refuses what it does not understand. P17 needs a deep history: two seconds are not enough for it.
set -u
source=$1 work=$2
rm -rf "$work"
mkdir -p "$work" || exit 3
wrong=0
say() {
    echo "$1" && wrong=$((wrong + 1))
}
for bad in '--seconds 0' '--seeds two' '--jobs' '--out' '--base /nowhere.json' '--fast' 'P99-nothing'; do
    # shellcheck disable=SC2086 # two words
    "$source/fuzz/score.sh" --out "$work/score" $bad >"$work/said" 2>&1
    [ $? = 2 ] || say "score.sh $bad does not end with 2"
    grep -q usage "$work/said" || say "score.sh $bad says no usage"
done
printf '{"plants": [\n  {"plant": "P17-lease-epoch-forgotten", "found": 5, "of": 5}\n]}\n' >"$work/base.json"
"$source/fuzz/score.sh" --seconds 2 --seeds 1 --jobs 2 --base "$work/base.json" --out "$work/score" \
    P03-claim-by-store P17-lease-epoch-forgotten >"$work/said" 2>&1
[ $? = 1 ] || say "a lost plant does not end with 1"
grep -q '^| P03-claim-by-store .* | 1/1 | [0-9]' "$work/said" || say "P03 is not found"
grep -q '^found before, and no more: P17-lease-epoch-forgotten$' "$work/said" || say "nobody says that P17 is lost"
grep -q '"plant": "P03-claim-by-store", "found": 1, "of": 1, "executions_median_worst": \[[0-9]' \
    "$work/score/score.json" || say "score.json does not say it"
[ $wrong = 0 ] || cat "$work/said"
[ $wrong = 0 ]
