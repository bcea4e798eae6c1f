#!/bin/sh
# SPDX-License-Identifier: MIT
# plants_test.sh SOURCE WORK COMPILER: every planted bug still fits the code, names a target that is
# there and an oracle to expect, and what it makes compiles. A stale plant would be a bug that the score
# no longer looks for. Whoever changes the code a plant sits in makes the patch anew: change a copy of
# core, `diff -U1` it, keep the lines above.
set -u
source=$1 work=$2 compiler=$3
rm -rf "$work"
mkdir -p "$work/tree" || exit 3
cp -r "$source/core" "$work/tree" || exit 3
wrong=0 count=0
say() {
    echo "$1" && wrong=$((wrong + 1))
}
for patch in "$source"/fuzz/plants/*.patch; do
    name=$(basename "$patch" .patch)
    count=$((count + 1))
    set -- "$source/fuzz/plants/${name%%-*}"-*.patch
    [ $# = 1 ] || say "$name: $# plants have the number ${name%%-*}"
    target=$(sed -n 's/^target: //p' "$patch")
    grep -q "^FUZZ_TARGET($target)" "$source/fuzz/targets.def" || say "$name: no target '$target'"
    for line in class expect; do
        grep -q "^$line: ." "$patch" || say "$name: no line '$line:'"
    done
    if ! file=$("$source/fuzz/plant.sh" in "$patch" "$work/tree" 2>"$work/said"); then
        say "$(cat "$work/said")"
        continue
    fi
    # A header is compiled through a source that includes it, or, if only headers do, alone.
    unit=$work/tree/$file
    case $file in
    *.h) unit=$(grep -rl --include='*.c' "/$(basename "$file")\"" "$work/tree/core" | grep -v _test | head -n 1) ;;
    esac
    [ -n "$unit" ] || unit=$work/tree/$file
    if ! "$compiler" -std=gnu17 -x c -fsyntax-only -DMS_SIM -I"$work/tree/core" \
        -I"$work/tree/core/include" "$unit" 2>"$work/said"; then
        say "$name: what it makes of $file does not compile:"
        head -n 5 "$work/said"
    fi
    "$source/fuzz/plant.sh" out "$patch" "$work/tree" >/dev/null || cp "$source/$file" "$work/tree/$file"
    cmp -s "$source/$file" "$work/tree/$file" || {
        say "$name: taken out, $file is not what it was" && cp "$source/$file" "$work/tree/$file"
    }
done
echo "$count plants, $wrong wrong"
[ $wrong = 0 ] && [ $count -ge 33 ]
