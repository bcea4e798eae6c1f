#!/bin/sh
# SPDX-License-Identifier: MIT
# cover.sh BUILD [DIR...]: what the inputs in the DIRs (the whole corpus) reach: lines and branches of
# core, file by file, and the pairs of (writer, reader) that no input showed. `./mapstorm cover` builds
# what it needs and calls it. Ends with 1 below --lines or --branches.
set -u
usage='Usage: ./mapstorm cover [--lines PERCENT] [--branches PERCENT] [--pairs FILE] [--uncovered] [DIR...]
What the inputs in the DIRs (the whole corpus) reach: lines and branches of core, file by file, and how
many pairs of (writer, reader) they showed.

  --lines P, --branches P   end with 1 below so many per cent
  --pairs FILE              the pairs nobody saw, as a list
  --uncovered               each line that no input reached'
die() {
    echo "mapstorm: cover: $1" >&2
    exit "$2"
}
case ${1-} in -h | -\? | --help) echo "$usage" && exit 0 ;; esac
build=${1:?the build folder}
shift
lines=0 branches=0 pairs='' uncovered=''
percent() {
    case $2 in '' | *[!0-9.]*) die "$1 takes a number, not '$2'" 2 ;; esac
}
while [ $# -gt 0 ]; do
    case $1 in
    --lines) percent "$1" "${2-}" && lines=$2 && shift 2 ;;
    --branches) percent "$1" "${2-}" && branches=$2 && shift 2 ;;
    --pairs)
        [ -n "${2-}" ] || die '--pairs takes a file' 2
        pairs=$2 && shift 2
        ;;
    --uncovered) uncovered=yes && shift ;;
    -h | -\? | --help) echo "$usage" && exit 0 ;;
    -*) die "'$1' is no option; see ./mapstorm cover --help" 2 ;;
    *) break ;;
    esac
done
source=$(cd "$(dirname "$0")/.." && pwd) || exit 3
[ $# -gt 0 ] || set -- "$source"/corpus/*/
command -v gcov >/dev/null || die 'gcov is missing; it comes with gcc' 3
build=$(readlink -f "$build")
program=$build/mapstorm-fuzz
[ -x "$program" ] || die "there is no mapstorm-fuzz in $build; ./mapstorm cover builds it" 3
for folder in "$@"; do
    [ -r "$folder" ] || die "$folder cannot be read" 2
done
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT

find "$build" -name '*.gcda' -delete
# What is not an input of a target (recorded layouts) is passed by.
"$program" pairs "$@" >"$work/pairs" || exit 1
if [ -n "$pairs" ]; then
    cp "$work/pairs" "$pairs" || exit 3
fi
# One object per source file: the floors on the simulator. Branches that gcov itself made up (calls that
# may not return) are marked and left out.
# Each in a folder of its own: several objects tell about one header.
# The AVX-512 builder counts as its model does, on processors without.
find "$build" \( -path '*sim_*.dir/core/*' ! -path '*/platform/*' -o -path '*mapstorm-fuzz.dir/fuzz/avx512_model*' \) \
    -name '*.gcda' | {
    count=0
    while IFS= read -r data; do
        count=$((count + 1))
        mkdir "$work/$count" && ln -s "$source/core" "$work/$count/core" || exit 3
        (cd "$work/$count" && gcov --branch-probabilities --branch-counts --preserve-paths "$data") \
            >"$work/gcov.log" 2>&1 || { tail -n 5 "$work/gcov.log" >&2 && exit 3; }
    done
} || die 'gcov failed' 3
cat "$work"/*/core*.gcov 2>/dev/null | awk -v want_lines="$lines" -v want_branches="$branches" -v list="$uncovered" '
    function known(file) { return file ~ /core\/[a-z]+\/.*\.[ch]$/ && file !~ /core\/(platform|include)\// }
    /^ *-: *0:Source:/ {
        file = $0
        sub(/.*Source:/, "", file)
        sub(/.*core\//, "core/", file)
        ok = known(file)
        line = 0
        next
    }
    !ok { next }
    /^ *[^:]*: *[0-9]+:/ {
        split($0, part, ":")
        line = part[2] + 0
        count = part[1]
        gsub(/ /, "", count)
        if (count == "-" || line == 0)
            next
        key = file SUBSEP line
        if (!(key in seen)) { seen[key] = 1; text[key] = substr($0, index($0, ":") + 7) }
        if (count !~ /#|=/)
            hit[key] = 1
        number = 0
        next
    }
    /^branch/ && line {
        key = file SUBSEP line SUBSEP number++
        if (/\(throw\)|\(fallthrough\) never/)
            next
        branch[key] = 1
        if (!/never executed/ && !/taken 0 /)
            taken[key] = 1
    }
    END {
        for (key in seen) {
            split(key, part, SUBSEP)
            all[part[1]]++
            got[part[1]] += key in hit
            if (list && !(key in hit))
                print part[1] ":" part[2] ":" text[key] | "sort -t: -k1,1 -k2,2n"
        }
        if (list) close("sort -t: -k1,1 -k2,2n")
        for (key in branch) {
            split(key, part, SUBSEP)
            ball[part[1]]++
            bgot[part[1]] += key in taken
        }
        for (file in all) {
            printf "%5.1f %% of %4d lines  %5.1f %% of %4d branches  %s\n", 100 * got[file] / all[file], all[file],
                ball[file] ? 100 * bgot[file] / ball[file] : 100, ball[file], file | "sort -k11"
            n += all[file]; g += got[file]; bn += ball[file]; bg += bgot[file]
        }
        close("sort -k11")
        if (!n) { print "nothing of core was reached"; exit 1 }
        printf "%5.1f %% of %4d lines  %5.1f %% of %4d branches  all of core that has targets\n", 100 * g / n, n, 100 * bg / bn, bn
        if (100 * g / n < want_lines || 100 * bg / bn < want_branches) {
            print "below what is demanded: " want_lines " % of lines, " want_branches " % of branches"
            exit 1
        }
    }'
code=$?
tail -n 1 "$work/pairs"
[ -z "$pairs" ] || echo "the pairs nobody saw: $pairs"
exit $code
