#!/bin/sh
# SPDX-License-Identifier: MIT
# A strategy outside the tree, named by MAPSTORM_EXTRA_STRATEGIES, is held to the same tests as those
# inside; and a file without a line, or a line without a file, does not configure.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strategies=core/registers/strategies
mkdir "$work/mine" "$work/tree"
tar -C "$SOURCE" --exclude=./build --exclude=./.git --exclude=./reports -cf - . |
    tar -C "$work/tree" -xf -
sed -e 's/ms_reg_cas_bitmap/ms_reg_my_pool/g' -e 's/"cas-bitmap"/"my-pool"/' \
    "$SOURCE/$strategies/cas_bitmap.c" >"$work/mine/my_pool.c"

configure() {
    cmake --preset dev -S "$work/tree" -B "$work/build" -DCMAKE_C_COMPILER="$CC" \
        -DMAPSTORM_BUILD_BENCH=OFF -DMAPSTORM_WERROR=OFF "$@" >"$work/log" 2>&1
}
conformance() {
    cmake --build "$work/build" --target registers_test >"$work/log" 2>&1 &&
        "$work/build/registers_test" >"$work/log" 2>&1
}
show() {
    tail -n 40 "$work/log"
    exit 1
}
cd "$work/tree"
configure "-DMAPSTORM_EXTRA_STRATEGIES=$work/mine" || show
conformance || show

# The same strategy hands out register 0 whatever is asked: the tests must see it, so they ran it.
sed -i -e 's/\.take = [a-z_]*/.take = wrong/' -e 's/^const struct ms_reg_ops/\
static ms_reg wrong(void *s, uint32_t cpu, struct ms_reg_want want)\
{ (void)s; (void)cpu; (void)want; return 0; }\
&/' "$work/mine/my_pool.c"
if conformance; then
    echo "strategies: a strategy outside the tree was not tested"
    exit 1
fi
grep -q 'my-pool\|FAILED\|Assert\|ms_assert' "$work/log" || show

mv "$work/tree/$strategies/magazine.c" "$work/tree/$strategies/stray.c"
if configure "-DMAPSTORM_EXTRA_STRATEGIES="; then
    echo "strategies: a line without a file was accepted"
    exit 1
fi
grep -q 'strategies/magazine.c' "$work/log" || show
cp "$work/tree/$strategies/stray.c" "$work/tree/$strategies/magazine.c"
if configure; then
    echo "strategies: a file without a line was accepted"
    exit 1
fi
grep -q 'strategies/stray.c' "$work/log" || show
