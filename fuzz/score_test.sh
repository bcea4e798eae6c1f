#!/bin/sh
# SPDX-License-Identifier: MIT
# score_test.sh SOURCE WORK: the score finds an easy plant, says which it found before and finds no more, and
# refuses what it does not understand; in a tree and a folder whose names have a blank. The plant that is lost
# changes nothing but a comment.
set -u
source=$1 work=$2
rm -rf "$work"
tree="$work/the tree" out="$work/the score"
mkdir -p "$tree" || exit 3
(cd "$source" && cp -rp CMakeLists.txt bench core fuzz corpus "$tree") || exit 3
cat >"$tree/fuzz/plants/P00-harmless.patch" <<'END' || exit 3
class: none: a comment more
target: waitlist
expect: nothing

--- a/core/registers/turnstile.c
+++ b/core/registers/turnstile.c
@@ -1,2 +1,3 @@
 /* SPDX-License-Identifier: MIT */
+/* planted */
 /*
END
cp "$tree/fuzz/plants/P00-harmless.patch" "$tree/fuzz/plants/P00-seldom.patch" || exit 3 # found by chance once
wrong=0
say() {
    echo "$1" && wrong=$((wrong + 1))
}
for bad in '--seconds 0' '--seeds two' '--jobs' '--out' '--base /nowhere.json' '--fast' 'P99-nothing'; do
    # shellcheck disable=SC2086 # two words
    "$tree/fuzz/score.sh" --out "$out" $bad >"$work/said" 2>&1
    [ $? = 2 ] || say "score.sh $bad does not end with 2"
    grep -q usage "$work/said" || say "score.sh $bad says no usage"
done
printf '{"plants": [\n  {"plant": "P00-harmless", "found": 5, "of": 5},\n  {"plant": "P00-seldom", "found": 1, "of": 5}\n]}\n' >"$work/base.json"
"$tree/fuzz/score.sh" --seconds 2 --seeds 1 --jobs 2 --base "$work/base.json" --out "$out" \
    P03-claim-by-store P00-harmless P00-seldom >"$work/said" 2>&1
[ $? = 1 ] || say "a lost plant does not end with 1"
grep -q '^| P03-claim-by-store .* | 1/1 | [0-9]' "$work/said" || say "P03 is not found"
grep -q '^| P00-harmless .* | 0/1 |' "$work/said" || say "what is no bug is found"
grep -q '^found before, and no more: P00-harmless$' "$work/said" || say "nobody says that P00 is lost"
! grep -q '^found before, and no more: P00-seldom$' "$work/said" || say "what chance found once is missed"
grep -q '"plant": "P03-claim-by-store", "found": 1, "of": 1, "executions_median_worst": \[[0-9]' \
    "$out/score.json" || say "score.json does not say it"
[ $wrong = 0 ] || cat "$work/said"
[ $wrong = 0 ]
