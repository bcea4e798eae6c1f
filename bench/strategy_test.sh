#!/bin/sh
# SPDX-License-Identifier: MIT
# strategy_test.sh SOURCE: new and try in a copy of the tree: the start that `new` writes conforms, one
# that hands out register 0 whatever is asked does not and is not measured; wrong words change nothing.
set -u
source=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
tree=$work/tree
errors=0
mkdir "$tree" && tar -C "$source" --exclude=./build --exclude=./.git --exclude=./reports -cf - . |
    tar -C "$tree" -xf - || exit 1
# What measures is tested elsewhere: here it says how it was called.
printf '#!/bin/sh\necho "measured $*"\n' >"$tree/mapstorm"

wrong() {
    printf 'wrong: %s\n' "$*"
    sed 's/^/  /' "$work/said" | tail -n 20
    [ ! -f "$tree/build/try.log" ] || tail -n 20 "$tree/build/try.log"
    errors=$((errors + 1))
}
expect() {
    code=$1
    shift
    "$tree/bench/strategy.sh" "$@" >"$work/said" 2>&1
    got=$?
    [ "$got" = "$code" ] || wrong "'$*' ended with $got, not $code"
}
says() {
    grep -q -e "$1" "$work/said" || wrong "does not say '$1'"
}
list=$tree/core/registers/strategies.def

expect 2 other
expect 2 new
expect 2 new 9lives
says 'small letters'
expect 2 new spin-bitmap
says 'already'
expect 2 new ../up
expect 2 try
expect 2 try "$work/none.c"
says 'not there'
cp "$source/core/registers/strategies/spin_bitmap.c" "$work/spin_bitmap.c"
expect 2 try "$work/spin_bitmap.c"
says 'of its own'
echo 'int nothing;' >"$work/empty.c"
expect 2 try "$work/empty.c"
says 'does not define'
cmp -s "$list" "$source/core/registers/strategies.def" || wrong 'wrong words changed the list'

expect 0 new my-pool
says 'strategies/my_pool.c'
grep -qx 'MS_STRATEGY(my_pool, "my-pool")' "$list" || wrong 'the line is not in the list'
grep -q '@' "$tree/core/registers/strategies/my_pool.c" && wrong 'a blank of the start was not filled'
expect 2 new my-pool
# The same file from anywhere, under another name.
sed -e 's/my_pool/other_pool/g' -e 's/"my-pool"/"other-pool"/' \
    "$tree/core/registers/strategies/my_pool.c" >"$work/other_pool.c"
expect 0 try "$work/other_pool.c" --quick
says 'other-pool conforms'
says 'measured run --scenario registers --plugin .*other_pool.so --quick'
sed -i 's/return found;/return found == MS_REG_NONE ? found : 0;/' "$work/other_pool.c"
expect 1 try "$work/other_pool.c"
says 'does not conform'
grep -q '^measured' "$work/said" && wrong 'what does not conform was measured'
echo 'nonsense' >>"$work/other_pool.c"
expect 1 try "$work/other_pool.c"
says 'does not build'
[ "$errors" = 0 ]
