#!/bin/sh
# SPDX-License-Identifier: MIT
# In the production build the layer of atomic.h costs nothing: a function per operation, order and
# type is compiled once through the layer and once as plain C11; the assembly must be equal.
# CC is the compiler; the argument is the folder core.
set -u
core=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# One function: name, result type, parameters, body through the layer, body in C11.
both() {
    printf '%s %s(%s) { %s; }\n' "$2" "$1" "$3" "$4" >>"$work/layer.c"
    printf '%s %s(%s) { %s; }\n' "$2" "$1" "$3" "$5" >>"$work/plain.c"
}
printf '#include "platform/atomic.h"\n' >"$work/layer.c"
cat >"$work/plain.c" <<'END'
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
END
for bits in u32:uint32_t u64:uint64_t ptr:void\ *; do
    type=${bits%%:*}
    c=${bits#*:}
    layer="ms_atomic_$type *a"
    plain="_Atomic($c) *a"
    begin() { # name, result, further parameters, layer body, plain body
        printf '%s %s_%s(%s%s) { %s; }\n' "$2" "$1" "$type" "$layer" "$3" "$4" >>"$work/layer.c"
        printf '%s %s_%s(%s%s) { %s; }\n' "$2" "$1" "$type" "$plain" "$3" "$5" >>"$work/plain.c"
    }
    for order in relaxed acquire seq_cst; do
        begin load_$order "$c" "" "return ms_load_$order(a)" \
            "return atomic_load_explicit(a, memory_order_$order)"
    done
    for order in relaxed release seq_cst; do
        begin store_$order void ", $c v" "ms_store_$order(a, v)" \
            "atomic_store_explicit(a, v, memory_order_$order)"
    done
    for order in relaxed acquire release acq_rel seq_cst; do
        case $order in
        acq_rel) failed=acquire ;;
        release) failed=relaxed ;;
        *) failed=$order ;;
        esac
        begin exchange_$order "$c" ", $c v" "return ms_exchange_$order(a, v)" \
            "return atomic_exchange_explicit(a, v, memory_order_$order)"
        begin cas_$order bool ", $c *e, $c v" "return ms_cas_$order(a, e, v)" \
            "return atomic_compare_exchange_strong_explicit(a, e, v, memory_order_$order,
             memory_order_$failed)"
        [ "$type" != ptr ] || continue
        for op in add sub or and; do
            begin fetch_${op}_$order "$c" ", $c v" "return ms_fetch_${op}_$order(a, v)" \
                "return atomic_fetch_${op}_explicit(a, v, memory_order_$order)"
        done
    done
done
both fences void void "ms_fence_acquire(); ms_fence_release(); ms_fence_seq_cst()" \
    "atomic_thread_fence(memory_order_acquire); atomic_thread_fence(memory_order_release);
     atomic_thread_fence(memory_order_seq_cst)"
both data void "int *p" "ms_data_read(p, 4); ms_data_write(p, 4); *p = 1" "*p = 1"

for which in layer plain; do
    "$CC" -std=c17 -O2 -fno-asynchronous-unwind-tables -I"$core" -S -o "$work/$which.s" \
        "$work/$which.c" || exit 1
    grep -v '\.file' "$work/$which.s" >"$work/$which.code"
done
functions=$(grep -c '^[a-z][a-z0-9_]*:' "$work/layer.code")
if ! cmp -s "$work/layer.code" "$work/plain.code"; then
    diff "$work/plain.code" "$work/layer.code" | head -40
    echo "atomic_cost: the layer changed the code" >&2
    exit 1
fi
[ "$functions" -ge 90 ] || {
    echo "atomic_cost: only $functions functions compared" >&2
    exit 1
}
# The comparison can fail: one order stronger must show.
sed 's/ms_store_relaxed(a, v)/ms_store_seq_cst(a, v)/' "$work/layer.c" >"$work/stronger.c"
"$CC" -std=c17 -O2 -fno-asynchronous-unwind-tables -I"$core" -S -o "$work/stronger.s" \
    "$work/stronger.c" || exit 1
if grep -v '\.file' "$work/stronger.s" | cmp -s - "$work/plain.code"; then
    echo "atomic_cost: a planted difference was not seen" >&2
    exit 1
fi
echo "atomic_cost: $functions functions, equal code"
