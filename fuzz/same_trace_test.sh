#!/bin/sh
# SPDX-License-Identifier: MIT
# Every file of the corpus has the same trace in every build: compilers and levels here, sanitizers
# where address is asked for. Arguments: the source folder, a work folder, the program to compare with.
# MAPSTORM_SAME_TRACE names programs that are built already, a line each: COMPILER FLAGS|PROGRAM; all are compared,
# and what is named like them here is not built.
set -u
source=$1 work=$2 program=$3
mkdir -p "$work" || exit 1
# Every folder with inputs of a target; recorded layouts are of the benchmarks.
set --
for folder in "$source"/corpus/*/; do
    [ -z "$(find "$folder" -name '*.txt' | head -n 1)" ] || set -- "$@" "$folder"
done
"$program" corpus --hashes "$@" >"$work/expected" || exit 1
[ -s "$work/expected" ] || exit 1
failed=0 compared=0
same() { # BUILD PROGRAM FOLDER...: are its traces the expected ones?
    build=$1 other=$2
    shift 2
    "$other" corpus --hashes "$@" >"$work/got"
    compared=$((compared + 1))
    cmp -s "$work/expected" "$work/got" && return
    echo "same_trace: $build differs:"
    diff "$work/expected" "$work/got" | head -n 6
    failed=1
}
printf '%s\n' "${MAPSTORM_SAME_TRACE:-}" >"$work/built"
while IFS='|' read -r build other; do
    [ -z "$build" ] || same "$build" "$other" "$@"
done <"$work/built"
for build in "gcc -O0" "gcc -O3" "clang -O0" "clang -O2" "clang -O1 -fsanitize=address"; do
    compiler=${build%% *} flags=${build#* }
    command -v "$compiler" >/dev/null || continue
    ! grep -qF -e "$build|" "$work/built" || continue
    folder=$work/$(echo "$build" | tr -c 'a-zA-Z0-9\n' '-')
    if ! cmake -S "$source" -B "$folder" -G Ninja -DCMAKE_C_COMPILER="$compiler" \
        -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="$flags" -DMAPSTORM_BUILD_BENCH=OFF \
        -DMAPSTORM_BUILD_TESTS=ON >"$folder.log" 2>&1 ||
        ! cmake --build "$folder" --target mapstorm-fuzz >>"$folder.log" 2>&1; then
        tail -n 20 "$folder.log"
        failed=1
        continue
    fi
    same "$build" "$folder/mapstorm-fuzz" "$@"
done
echo "same_trace: $(wc -l <"$work/expected") files, $compared builds"
[ $failed = 0 ] && [ $compared -ge 2 ]
