#!/bin/bash
# SPDX-License-Identifier: MIT
# build_targets.sh: every fuzz target for an engine of somebody else's: what OSS-Fuzz, ClusterFuzzLite and
# check_test.sh call. Honours $CC $CXX $CFLAGS $CXXFLAGS $LIB_FUZZING_ENGINE $SANITIZER $ARCHITECTURE
# $SRC $WORK $OUT and only appends to the flags. Needs nothing but the compiler, a C library and zip.
# It may run again in the same $WORK. $SRC/mapstorm is this tree, unless MAPSTORM_SOURCE says otherwise.
set -eu
source=${MAPSTORM_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
: "${CC:=clang}" "${CXX:=clang++}" "${CFLAGS:=}" "${CXXFLAGS:=}" "${SANITIZER:=address}"
: "${LIB_FUZZING_ENGINE:=-fsanitize=fuzzer}" "${OUT:?where the programs go}" "${WORK:?where objects go}"
cd "$source"
jobs=$(nproc)
ours="-std=gnu17 -D_GNU_SOURCE -DMS_SIM=1 -fno-strict-aliasing -Icore -Icore/include"
mkdir -p "$WORK" "$OUT"
: >"$WORK/empty.c"

# Those of the flags that this compiler knows.
known() {
    local flag
    for flag in "$@"; do
        # shellcheck disable=SC2086
        ! $CC $CFLAGS -Werror "$flag" -c "$WORK/empty.c" -o "$WORK/empty.o" 2>/dev/null || echo "$flag"
    done
}

# The simulator and what decodes inputs must not look like coverage: their branches say nothing about
# core. The memory sanitizer has to see their stores all the same. Fibers have no stack depth.
coverage=$(known -fno-sanitize=fuzzer-no-link \
    -fno-sanitize-coverage=edge,bb,func,trace-pc,trace-pc-guard,inline-8bit-counters,trace-cmp,indirect-calls,pc-table \
    -fno-profile-instr-generate | tr '\n' ' ')
[ "$SANITIZER" != coverage ] || coverage=
quiet=$coverage
[ "$SANITIZER" = memory ] || quiet="$quiet $(known -fno-sanitize=all | tr '\n' ' ')"
depth=$(known -fno-sanitize-coverage=stack-depth)

# What is compiled: the floors in order, without their tests; on the platform floor the simulator
# stands for the threads.
floors=$(sed -n 's/^set(MAPSTORM_FLOORS \(.*\))/\1/p' CMakeLists.txt)
loud=() still=()
for floor in $floors; do
    while IFS= read -r file; do
        if [ "$floor" = platform ]; then still+=("$file"); else loud+=("$file"); fi
    done < <(find "core/$floor" -name '*.c' ! -name '*_test.c' ! -name '*_storm.c' ! -name '*_sim.c' \
        ! -name 'test_*.c' ! -name platform_threads.c ! -path core/platform/check.c \
        ! -path 'core/*/example/*' | sort)
done
still+=(core/platform/platform_sim.c fuzz/decode.c fuzz/text.c fuzz/play.c fuzz/mutate.c fuzz/avx512_model.c)
loud+=(bench/requests.c)
targets=()
while IFS= read -r file; do targets+=("$file"); done < <(find fuzz/targets -name '*_fuzz.c' | sort)

# compile FOLDER FLAGS FILE...: objects into a folder; only what is out of date.
compile() {
    local folder=$1 flags=$2
    shift 2
    mkdir -p "$folder"
    # Objects of files that are gone since the last time must not be linked.
    printf '%s\n' "$@" | sed 's|/|_|g; s|$|.o|' | sort >"$folder/wanted"
    (cd "$folder" && find . -name '*.o' | sed 's|^\./||' | sort | comm -23 - wanted | xargs -r rm -f)
    # shellcheck disable=SC2016 # expanded by the inner shell
    printf '%s\n' "$@" | xargs -P "$jobs" -I{} sh -c '
        object=$1/$(echo "$3" | tr / _).o
        $CC $2 -c "$3" -o "$object"' sh "$folder" "$flags" {}
}
export CC
compile "$WORK/loud" "$CFLAGS $ours $depth" "${loud[@]}"
compile "$WORK/targets" "$CFLAGS $ours $depth" "${targets[@]}"
# An archive: a program has what its target reaches, and an engine fewer counters to look at.
rm -f "$WORK/core.a"
"${AR:-ar}" rcs "$WORK/core.a" "$WORK"/loud/*.o
# AFL++'s compiler has no flag for it, but a list.
printf '%s\n' "${still[@]}" fuzz/engine.c >"$WORK/still.list"
export AFL_LLVM_DENYLIST=$WORK/still.list
compile "$WORK/still" "$CFLAGS $ours $quiet" "${still[@]}"

# The program that packs seeds is not fuzzed: no sanitizer, whatever is asked for.
tool=("${loud[@]}" "${targets[@]}" "${still[@]}" fuzz/main.c)
while IFS= read -r file; do tool+=("$file"); done < <(sed -n \
    '/^set(fuzz_machinery/,/)/s/.*/&/p' fuzz/fuzz.cmake | grep -o 'fuzz/[a-z_]*\.c')
plain=(-O1)
[ "${ARCHITECTURE:-}" != i386 ] || plain+=(-m32)
compile "$WORK/tool" "${plain[*]} $ours" "${tool[@]}"
$CC "${plain[@]}" "$WORK"/tool/*.o -o "$WORK/mapstorm-fuzz" -lpthread

# Dots are not allowed in the name of a target. The canary's planted bug would end every run. The parsers'
# target reads inputs of all others.
# shellcheck disable=SC2086
$CC $CFLAGS $ours $quiet -c fuzz/targets.c -o "$WORK/targets.o"
for path in fuzz/targets/*_fuzz.c; do
    subject=$(basename "$path" _fuzz.c)
    [ "$subject" != canary ] || continue
    name=${subject}_fuzz
    all='' objects=("$WORK/targets/fuzz_targets_${name}.c.o")
    if [ "$subject" = parsers ]; then
        all=-DFUZZ_ENGINE_KNOWS_ALL=1 objects=("$WORK"/targets/*.o "$WORK/targets.o")
    fi
    # Their check takes a program with fewer than 100 counters for one that was built without any: the list of
    # waiters alone has 86, so MDLs come along.
    more=''
    [ "$subject" != waitlist ] || more=-Wl,-u,ms_mdl_create
    # Without a schedule there are few features beside edges: an engine looks at each for each execution.
    ! grep -q '\.is_sequential = true' "$path" || all="$all -DFUZZ_ENGINE_FEATURES=2048"
    # shellcheck disable=SC2086
    $CC $CFLAGS $ours $quiet $all -DFUZZ_ENGINE_TARGET="$subject" -c fuzz/engine.c -o "$WORK/$name.o"
    # shellcheck disable=SC2086 # the engine brings main, and is C++
    $CXX $CXXFLAGS "$WORK/$name.o" "${objects[@]}" "$WORK"/still/*.o "$WORK/core.a" $more $LIB_FUZZING_ENGINE -o "$OUT/$name"
    rm -rf "$WORK/seeds" "$OUT/${name}_seed_corpus.zip"
    if [ -d "corpus/$subject" ]; then
        "$WORK/mapstorm-fuzz" pack "$subject" "corpus/$subject" "$WORK/seeds" >/dev/null
        (cd "$WORK/seeds" && find . -type f | sort | zip -q -j -X "$OUT/${name}_seed_corpus.zip" -@)
    fi
    "$WORK/mapstorm-fuzz" dict "$subject" >"$OUT/$name.dict"
    cp fuzz/oss-fuzz/all.options "$OUT/$name.options"
done
