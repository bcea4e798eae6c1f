#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the same sources in two folders of different names and lengths and compares what a person
# would install, byte by byte.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for place in "$work/a" "$work/another, longer place"; do
    mkdir -p "$place"
    tar -C "$SOURCE" --exclude=./build --exclude=./.git --exclude=./reports -cf - . |
        tar -C "$place" -xf -
    (
        cd "$place"
        cmake --preset release -DCMAKE_C_COMPILER="$CC" -DMAPSTORM_BUILD_TESTS=OFF &&
            cmake --build --preset release &&
            cmake --install build/release --prefix "$place/installed"
    ) >"$work/log" 2>&1 || { tail -n 40 "$work/log"; exit 1; }
done
diff -r "$work/a/installed" "$work/another, longer place/installed"
find "$work/a/installed" -type f -exec cksum {} + | awk '{ n++; bytes += $2 }
    END { printf "reproducible: %d files, %d bytes are the same\n", n, bytes; exit n == 0 }'
