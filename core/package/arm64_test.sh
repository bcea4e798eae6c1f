#!/bin/sh
# SPDX-License-Identifier: MIT
# arm64_test.sh [BUILD]: builds the floors and their tests for 64-bit ARM, with warnings as errors, and runs
# them under qemu's user-mode emulation: what is written for any processor must run on another one. For
# people too: core/package/arm64_test.sh. What it needs is in bench/packages.txt;
# says "skipped: ..." and ends with 0 where one is absent.
set -eu
source=$(readlink -f -- "$0")
source=${source%/core/package/*}
build=${1:-$source/build/arm64}
for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v $tool >/dev/null || { echo "skipped: $tool is not installed" && exit 0; }
done
[ -f /usr/aarch64-linux-gnu/lib/libc.so.6 ] || { echo "skipped: the C library for it is not installed" && exit 0; }
# Emulated memory is 68 GiB of address space. The emulation keeps a record of every page that was ever mapped,
# 6 MB for a GiB, and without a limit each mapping comes to lie above the last one: the tests of the controllers
# grew to 18 GB. With a limit of 512 GiB addresses are used again, and so are the records: a GB at the most.
# All floors are compiled. The tests of those that are not named below take longer than a check may.
space=0x8000000000
built='platform kernel memory registers sg controller adapter machine'
floors='platform kernel memory registers sg'
mkdir -p "$build"
cmake -S "$source" -B "$build" -G Ninja "--toolchain=$source/core/package/arm64/toolchain.cmake" \
    -DCMAKE_BUILD_TYPE=Debug -DMAPSTORM_WERROR=ON -DMAPSTORM_BUILD_BENCH=OFF \
    "-DMAPSTORM_CMOCKA=$source/core/package/arm64" >"$build/log" 2>&1 || { tail -n 30 "$build/log" && exit 1; }
targets=
for floor in $built; do targets="$targets ${floor}_test"; done
# shellcheck disable=SC2086 # names of targets have no spaces
cmake --build "$build" --target $targets >"$build/log" 2>&1 || { grep -A6 -E 'error|FAILED' "$build/log" | head -n 40 && exit 1; }
failed=0
for floor in $floors; do
    if (cd "$build" && timeout 900 qemu-aarch64 -R $space -L /usr/aarch64-linux-gnu "./${floor}_test") >"$build/$floor.log" 2>&1; then
        echo "$floor: $(tail -n 1 "$build/$floor.log")"
    else
        echo "$floor ended with an error:"
        tail -n 20 "$build/$floor.log"
        failed=1
    fi
done
exit $failed
