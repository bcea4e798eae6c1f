#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs into a scratch folder and builds the shuttle driver there as a project of its own, with every
# compiler that is here; its sources are copied, never edited. What is wrong gets a clear error.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$BUILD" --prefix "$work/mapstorm" >"$work/log" || { cat "$work/log"; exit 1; }
cp -r "$SOURCE/core/package/driver" "$work/user"
cat >"$work/user/CMakeLists.txt" <<'TXT'
cmake_minimum_required(VERSION 3.25)
project(user C)
find_package(mapstorm REQUIRED)
mapstorm_add_driver(shuttle driver.c queue.c)
add_executable(host host.c)
target_link_libraries(host shuttle)
TXT

configure() { # COMPILER
    cmake -S "$work/user" -B "$work/build-$1" -DCMAKE_PREFIX_PATH="$work/mapstorm" \
        -DCMAKE_C_COMPILER="$1" >"$work/log" 2>&1
}

built=0
for compiler in gcc clang; do
    command -v "$compiler" >/dev/null || { echo "-- no $compiler here"; continue; }
    echo "-- with $compiler"
    if ! configure "$compiler" || ! cmake --build "$work/build-$compiler" >>"$work/log" 2>&1; then
        cat "$work/log"
        exit 1
    fi
    "$work/build-$compiler/host"
    built=$((built + 1))
    last=$compiler
done
[ "$built" -gt 0 ]

echo "-- a source that is not there, and none at all"
sed -i 's/driver.c queue.c/driver.c lost.c/' "$work/user/CMakeLists.txt"
rm -rf "$work/build-$last"
if configure "$last" || ! tr -s '\n ' ' ' <"$work/log" | grep -q "there is no file [^ ]*lost.c"; then
    cat "$work/log"
    exit 1
fi
sed -i 's/(shuttle driver.c lost.c)/(shuttle)/' "$work/user/CMakeLists.txt"
if configure "$last" || ! tr -s '\n ' ' ' <"$work/log" | grep -q "name at least one source file"; then
    cat "$work/log"
    exit 1
fi
