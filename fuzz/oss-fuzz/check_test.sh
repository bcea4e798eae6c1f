#!/bin/bash
# SPDX-License-Identifier: MIT
# check_test.sh WORK [address|undefined|memory|coverage|afl...]: what OSS-Fuzz's own check of a build asks,
# without containers: builds with its flags by the script it would call, then looks at the programs from a
# folder that was moved. What this machine has no compiler for is skipped by name.
# shellcheck disable=SC2015 # A && B || C: the C is meant for both
set -u
source=$(cd "$(dirname "$0")/../.." && pwd)
work=${1:?the work folder}
shift
[ $# -gt 0 ] || set -- address undefined memory coverage afl
mkdir -p "$work" && work=$(readlink -f "$work") || exit 1
errors=0
wrong() {
    echo "wrong: $*"
    errors=$((errors + 1))
}
common='-O1 -fno-omit-frame-pointer -gline-tables-only -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION'
undefined=array-bounds,bool,builtin,enum,function,integer-divide-by-zero,null,object-size,return,returns-nonnull-attribute,shift,signed-integer-overflow,unreachable,vla-bound
declare -A flags=(
    [address]="-fsanitize=address -fsanitize-address-use-after-scope -fsanitize=fuzzer-no-link"
    [undefined]="-fsanitize=$undefined,unsigned-integer-overflow -fno-sanitize-recover=$undefined -fsanitize=fuzzer-no-link"
    [memory]="-fsanitize=memory -fsanitize-memory-track-origins -fsanitize=fuzzer-no-link"
    [coverage]="-fprofile-instr-generate -fcoverage-mapping"
    [afl]=""
)

# Calls to a sanitizer's routines in the program's code.
calls() { # PROGRAM PREFIX
    objdump -d --no-show-raw-insn "$1" | grep -cE "(call|jmp).*<$2"
}
between() { # WHAT COUNT LEAST MOST
    [ "$2" -ge "$3" ] && [ "$2" -le "$4" ] || wrong "$1: $2, not from $3 to $4"
}

look_at() { # SANITIZER PROGRAM
    local name=${2##*/} asan ubsan msan most=1000000000
    [[ $name =~ ^[a-zA-Z0-9_-]+$ ]] || wrong "$name: a name of letters, digits, _ and - only"
    file "$2" | grep -q "ELF 64-bit.*$(uname -m | tr _ -)" || wrong "$name: not for this architecture"
    grep -q LLVMFuzzerTestOneInput "$2" || wrong "$name is no target"
    [ -s "$2.options" ] && [ -s "$2.dict" ] || wrong "$name has no options or no dictionary"
    asan=$(calls "$2" __asan_)
    ubsan=$(calls "$2" __ubsan_)
    msan=$(calls "$2" __msan_)
    case $1 in
    address) between "$name: address" "$asan" 1000 $most && between "$name: undefined" "$ubsan" 0 200 && between "$name: memory" "$msan" 0 3 ;;
    undefined) between "$name: undefined" "$ubsan" 168 $most && between "$name: address" "$asan" 0 0 ;;
    memory) between "$name: memory" "$msan" 1000 $most && between "$name: address" "$asan" 0 0 && between "$name: undefined" "$ubsan" 0 200 ;;
    esac
    # What libFuzzer cannot have: the libraries of this machine.
    ldd "$2" | grep -vE 'linux-vdso|libc\.so|libm\.so|libpthread|libgcc_s|libstdc\+\+|libdl|librt|ld-linux' |
        grep -q . && wrong "$name needs libraries that the target machine has not"
    nm -u "$2" | grep -q ' __atomic_' && wrong "$name calls libatomic"
    return 0
}

run_engine() { # PROGRAM: as their check starts it, from the moved folder, with a fixed seed
    local name=${1##*/} counters
    (cd / && timeout 60 "$1" -runs=4 -seed=1337 -dict="$1.dict") >"$work/log" 2>&1 ||
        wrong "$name does not run: $(tail -n 3 "$work/log")"
    grep -q 'Done 4 runs' "$work/log" || wrong "$name does not say that it did 4 runs"
    ! grep -q 'no interesting inputs were found' "$work/log" || wrong "$name: nothing is interesting"
    counters=$(sed -n 's/^INFO: Loaded [0-9]* modules *(\([0-9]*\).*/\1/p' "$work/log")
    between "$name: counters" "${counters:-0}" 100 1000000
    grep -q 'Extra Counters' "$work/log" || wrong "$name: the engine does not see the interleavings"
    grep -q 'Dictionary: ' "$work/log" || wrong "$name: the dictionary cannot be read"
    run_seeds "$1" -runs=0
}

run_seeds() { # PROGRAM ARGUMENT...: no seed may fail; the files or their folder are the last arguments
    local program=$1 name=${1##*/}
    shift
    rm -rf "$work/seeds" && mkdir "$work/seeds"
    [ -s "${program}_seed_corpus.zip" ] || return 0
    unzip -q -j "${program}_seed_corpus.zip" -d "$work/seeds" || wrong "$name: the zip of seeds is broken"
    (cd / && timeout 300 "$program" "$@" "$work/seeds") >"$work/log" 2>&1 ||
        wrong "$name fails on its seeds: $(grep -aE 'ERROR|mapstorm:|WARNING' "$work/log" | head -n 3)"
}

run_afl() { # PROGRAM: comes to the point where it fuzzes, within their 35 s
    local name=${1##*/} input
    rm -rf "$work/afl" "$work/seeds" && mkdir "$work/seeds"
    unzip -q -j "${1}_seed_corpus.zip" -d "$work/seeds" 2>/dev/null
    input=$(find "$work/seeds" -type f | sort | tail -n +9)
    # shellcheck disable=SC2086
    [ -z "$input" ] || rm -f $input
    [ -n "$(ls "$work/seeds")" ] || printf 'a' >"$work/seeds/a"
    (cd / && AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 \
        timeout -s INT 35 afl-fuzz -V 10 -m none -i "$work/seeds" -o "$work/afl" -x "$1.dict" -- "$1") >"$work/log" 2>&1
    grep -q 'All set and ready to roll' "$work/log" || wrong "$name under AFL++: $(tail -n 5 "$work/log")"
    # Traces are the same each time; what is left is code around them that runs once in a process.
    stability=$(sed -n 's/^stability *: \([0-9]*\).*/\1/p' "$work/afl/default/fuzzer_stats" 2>/dev/null)
    between "$name: stability under AFL++, per cent" "${stability:-0}" 95 100
}

for sanitizer in "$@"; do
    [ -n "${flags[$sanitizer]+set}" ] || { echo "no such check: $sanitizer" >&2 && exit 2; }
    cc=clang cxx=clang++ engine=-fsanitize=fuzzer
    if [ "$sanitizer" = afl ]; then
        cc=afl-clang-fast cxx=afl-clang-fast++
        engine=$(find /usr/lib/afl /usr/local/lib/afl -name libAFLDriver.a 2>/dev/null | head -n 1)
    fi
    if ! command -v $cc >/dev/null || [ -z "$engine" ]; then
        echo "skipped: $sanitizer: $cc is not installed"
        continue
    fi
    began=$SECONDS
    rm -rf "$work/built" "$work/out" "$work/moved"
    mkdir -p "$work/built" "$work/out"
    if ! CC=$cc CXX=$cxx CFLAGS="$common ${flags[$sanitizer]}" CXXFLAGS="$common ${flags[$sanitizer]}" \
        LIB_FUZZING_ENGINE=$engine SANITIZER=$sanitizer ARCHITECTURE=$(uname -m) AFL_QUIET=1 \
        SRC=$work WORK=$work/built OUT=$work/out MAPSTORM_SOURCE=$source \
        bash "$source/fuzz/oss-fuzz/build_targets.sh" >"$work/build.log" 2>&1; then
        tail -n 20 "$work/build.log"
        wrong "$sanitizer does not build"
        continue
    fi
    mv "$work/out" "$work/moved"
    count=0
    for program in "$work"/moved/*; do
        [ -x "$program" ] && [ -f "$program" ] || continue
        count=$((count + 1))
        look_at "$sanitizer" "$program"
        case $sanitizer in
        afl) run_afl "$program" ;;
        coverage) LLVM_PROFILE_FILE=$work/profile run_seeds "$program" -runs=0 ;;
        *) run_engine "$program" ;;
        esac
    done
    [ $count -gt 0 ] || wrong "$sanitizer: no target at all"
    [ ! -e "$work/moved/canary_fuzz" ] || wrong 'the canary must not be a target: it always fails'
    echo "$sanitizer: $count targets, $((SECONDS - began)) s"
done
[ $errors = 0 ]
