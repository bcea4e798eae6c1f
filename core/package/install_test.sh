#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs into a scratch folder, moves it, and builds and runs a small user of it there: by
# find_package and by pkg-config.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$BUILD" --prefix "$work/first" >"$work/log" || { cat "$work/log"; exit 1; }
# What was installed must not remember where.
prefix="$work/a second place"
mv "$work/first" "$prefix"
if grep -rlF -e "$SOURCE" -e "$work/first" "$prefix"; then
    echo "install: these files name a folder of the machine that built them" >&2
    exit 1
fi

mkdir "$work/user"
cp "$SOURCE/core/package/user.c" "$work/user"
cat >"$work/user/CMakeLists.txt" <<'TXT'
cmake_minimum_required(VERSION 3.25)
project(user C)
find_package(mapstorm REQUIRED)
add_executable(user user.c)
target_link_libraries(user mapstorm::core)
TXT
echo "-- by find_package"
if ! cmake -S "$work/user" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_C_COMPILER="$CC" >"$work/log" 2>&1 || ! cmake --build "$work/build" >>"$work/log" 2>&1
then
    cat "$work/log"
    exit 1
fi
"$work/build/user"
echo "-- by pkg-config"
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name mapstorm.pc)")
export PKG_CONFIG_PATH
[ "$(pkg-config --modversion mapstorm)" = "$VERSION" ]
eval "\"$CC\" \"$work/user/user.c\" $(pkg-config --cflags --libs mapstorm) -o \"$work/by-pkg-config\""
"$work/by-pkg-config"

if [ -n "$CXX" ]; then
    echo "-- from C++"
    printf '#include <mapstorm.h>\nint main() { return ms_machine_create(nullptr, nullptr) == nullptr; }\n' \
        >"$work/user/user.cc"
    eval "\"$CXX\" \"$work/user/user.cc\" $(pkg-config --cflags --libs mapstorm) -o \"$work/from-c++\""
    "$work/from-c++"
fi

if [ -x "$prefix/bin/mapstorm" ]; then
    echo "-- the installed program, and a strategy it has not seen"
    sed -e 's/ms_reg_cas_bitmap/ms_reg_plugin/' -e 's/"cas-bitmap"/"my-pool"/' \
        "$SOURCE/core/registers/strategies/cas_bitmap.c" >"$work/my_pool.c"
    eval "\"$CC\" -O2 -shared -fPIC $(pkg-config --cflags mapstorm) -o \"$work/my_pool.so\" \"$work/my_pool.c\""
    "$prefix/bin/mapstorm" list --plugin "$work/my_pool.so" | grep my-pool
    "$prefix/bin/mapstorm" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p' >"$work/commands"
    [ -s "$work/commands" ]
    while read -r command; do
        if ! grep -qx "\.B $command" "$prefix/share/man/man1/mapstorm.1"; then
            echo "install: the manual page does not know the command $command"
            exit 1
        fi
    done <"$work/commands"
    if [ -x "$prefix/bin/mapstorm-fuzz" ]; then
        (cd "$work" && "$prefix/bin/mapstorm" fuzz canary --executions 200000 --quiet)
        mv "$prefix/bin/mapstorm-fuzz" "$work/"
    fi
    code=0
    "$prefix/bin/mapstorm" replay x.txt 2>"$work/err" || code=$?
    [ "$code" = 3 ] && grep -q 'in the source tree ./mapstorm replay builds it' "$work/err"
fi
