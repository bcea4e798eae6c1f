#!/bin/sh
# SPDX-License-Identifier: MIT
# strategy.sh: the commands for those who write a strategy. Called by ../mapstorm.
#   new NAME                   core/registers/strategies/<name>.c, a commented start that passes, and its line
#   try FILE.c [RUN OPTION...] a strategy from anywhere: conformance first, then against the field
# Ends with 1 when the strategy does not compile or does not conform, with 2 on wrong usage, with 3 when
# nothing can be written here.
set -u
root=$(readlink -f -- "$0") || root=$0
root=${root%/*}
root=${root%/*}

say() {
    printf 'mapstorm: %s\n' "$*" >&2
}
usage() {
    say "$1"
    printf '%s\n' 'Usage: mapstorm new NAME                    a commented start in the source tree' \
        '       mapstorm try FILE.c [RUN OPTION...]  conformance, then measured against the field' \
        'Examples:' '  mapstorm new my-pool' \
        '  mapstorm try core/registers/strategies/my_pool.c' \
        '  mapstorm try ~/ideas/my_pool.c --quick --threads 1,2' \
        'FILE my_pool.c defines the table ms_reg_my_pool, whose name is "my-pool".' >&2
    exit 2
}

# identifier NAME: the name as a C identifier, or nothing when it cannot be one.
identifier() {
    printf '%s' "$1" | tr - _ | grep -x '[a-z][a-z0-9]*\(_[a-z0-9][a-z0-9]*\)*'
}

new() {
    [ $# = 1 ] || usage 'new wants one name'
    id=$(identifier "$1") || usage "'$1' is no name: small letters, digits and hyphens, a letter first"
    name=$(printf '%s' "$id" | tr _ -)
    folder=$root/core/registers/strategies
    list=$root/core/registers/strategies.def
    if [ -e "$folder/$id.c" ] || grep -q "^MS_STRATEGY($id," "$list"; then
        say "there is a strategy $name already: core/registers/strategies/$id.c"
        exit 2
    fi
    # Both files are written aside first: either all is there or nothing.
    if ! sed -e "s/@identifier@/$id/g" -e "s/@name@/$name/g" "$root/bench/new/strategy.c.in" \
        >"$folder/$id.c.tmp" 2>/dev/null ||
        ! awk -v line="MS_STRATEGY($id, \"$name\")" '
            /^MS_STRATEGY\(/ { seen = 1 }
            seen && !/^MS_STRATEGY\(/ && !done { print line; done = 1 }
            { print }
            END { if (!done) print line }' "$list" >"$list.tmp" 2>/dev/null; then
        rm -f "$folder/$id.c.tmp" "$list.tmp"
        say "cannot write in $root/core/registers"
        exit 3
    fi
    mv "$folder/$id.c.tmp" "$folder/$id.c" && mv "$list.tmp" "$list" || exit 3
    echo "core/registers/strategies/$id.c  a working start; its head says what to change first"
    echo "core/registers/strategies.def    has its line: tests, fuzzers and reports know it from the next build"
    echo "next: ./mapstorm try core/registers/strategies/$id.c"
}

# Builds what conformance is checked with: asserts on, nothing but the floors below. The strategy comes
# along as MAPSTORM_EXTRA_STRATEGIES, through a file that includes it where it lies.
try() {
    [ $# -ge 1 ] || usage 'try wants a file'
    file=$1
    shift
    case $file in *.c) ;; *) usage "'$file' is no C file" ;; esac
    if ! [ -f "$file" ] || ! [ -r "$file" ]; then
        usage "'$file' is not there, or cannot be read"
    fi
    id=${file##*/}
    id=${id%.c}
    [ "$(identifier "$id")" = "$id" ] ||
        usage "the file's name makes the strategy's: '$id' is no identifier of small letters and digits"
    grep -q "struct ms_reg_ops ms_reg_$id\\b" "$file" ||
        usage "$file does not define 'const struct ms_reg_ops ms_reg_$id'"
    file=$(readlink -f -- "$file")
    name=$(printf '%s' "$id" | tr _ -)
    build=$root/build/try
    log=$root/build/try.log
    if ! mkdir -p "$build/strategies" 2>/dev/null || ! : >"$log"; then
        say "cannot write in $root/build"
        exit 3
    fi
    rm -f "$build/strategies"/*.c
    known=
    if [ "$file" = "$root/core/registers/strategies/$id.c" ]; then
        known=yes
        extra=
    else
        grep -q "^MS_STRATEGY($id," "$root/core/registers/strategies.def" &&
            usage "the tree has a strategy $name of its own; call the file something else"
        printf '#include "%s"\n' "$file" >"$build/strategies/$id.c"
        extra=$build/strategies
    fi
    say "conformance of $name: building, the first time takes half a minute"
    if ! cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DMAPSTORM_BUILD_BENCH=OFF \
        "-DMAPSTORM_EXTRA_STRATEGIES=$extra" >"$log" 2>&1 ||
        ! cmake --build "$build" --target registers_test registers_storm >>"$log" 2>&1; then
        grep -A8 -E 'error|undefined|CMake Error' "$log" | head -n 40 >&2
        say "it does not build; the whole log is $log"
        exit 1
    fi
    for part in test storm; do
        timeout 600 "$build/registers_$part" strateg >"$log" 2>&1
        code=$?
        if [ $code != 0 ] && grep -q 'no test matches' "$log"; then
            timeout 600 "$build/registers_$part" >"$log" 2>&1
            code=$?
        fi
        [ $code != 0 ] || continue
        grep -E 'ERROR|FAILED|error:|ms_assert|check|assert' "$log" | head -n 20 >&2
        if [ $code = 124 ]; then # a busy machine is no fault of the strategy
            say "registers_$part did not end in 600 s: $name hangs, or the machine is busy; the whole log is $log"
        else
            say "$name does not conform; the whole log is $log"
        fi
        say "again, one test: $build/registers_$part NAME; in a debugger: gdb --args the same"
        exit 1
    done
    say "$name conforms: the suite of all strategies, and the storm on real threads"
    if [ -n "$known" ]; then
        exec "$root/mapstorm" run --scenario registers "$@"
    fi
    # Measured as a plug-in: built like the program, its table under the name that plug-ins have.
    compiler=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
    if ! "$compiler" -std=c17 -O2 -fPIC -shared -fno-strict-aliasing -falign-functions=64 -D_GNU_SOURCE \
        -DMS_MEASURED=1 "-Dms_reg_$id=ms_reg_plugin" "-I$root/core" "-I$root/core/include" \
        -o "$build/$id.so" "$file" >"$log" 2>&1; then
        head -n 40 "$log" >&2
        say "it does not build as it is measured; the whole log is $log"
        exit 1
    fi
    say "measured as a plug-in; once more without the checks: ./mapstorm run --plugin $build/$id.so"
    exec "$root/mapstorm" run --scenario registers --plugin "$build/$id.so" "$@"
}

case ${1-} in
new | try)
    command=$1
    shift
    case ${1-} in -h | -\? | --help) (usage 'for those who write a strategy') 2>&1 | sed 1d && exit 0 ;; esac
    $command "$@"
    ;;
*) usage 'new or try' ;;
esac
