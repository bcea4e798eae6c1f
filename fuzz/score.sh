#!/bin/sh
# SPDX-License-Identifier: MIT
# score.sh: are planted bugs found? For each patch in fuzz/plants: a copy of the tree gets it, the
# fuzzer is built and hunts from the committed corpus, less the regressions that the plant made, with fixed
# seeds of chance, a limit of seconds each.
# Usage: fuzz/score.sh [--seconds N] [--seeds N] [--jobs N] [--out FOLDER] [--base FILE] [PLANT...]
# Prints a table; writes it to score.md and score.json in the folder (build/score). Some plants are worked
# on at once, each job with a tree of its own. Ends with 1 when fewer than 95 of 100 pairs (plant, seed) were
# found, a plant or its regression is stale, or a plant that most seeds of the base (reports/score.json) found
# is found by none; with 2 for wrong usage, with 3 when it cannot be done here.
set -u
cd "$(dirname "$0")/.." || exit 3
usage() {
    [ $# = 0 ] || echo "score.sh: $*" >&2
    sed -n 's/^# Usage/usage/p' "$0" >&2
    exit 2
}
is_number() {
    case $2 in '' | *[!0-9]* | 0*) usage "$1 takes a number from 1 on, not '$2'" ;; esac
}
seconds=30 seeds=5 jobs=$(nproc 2>/dev/null || echo 1) out=build/score base=reports/score.json
[ "$jobs" -le 2 ] || jobs=2
while [ $# -gt 0 ]; do
    case $1 in --seconds | --seeds | --jobs | --out | --base) [ $# -ge 2 ] || usage "$1 takes a value" ;; esac
    case $1 in
    -h | --help) sed -n 's/^# \{0,1\}//; 3,10p' "$0" && exit 0 ;;
    --seconds) is_number "$1" "$2" && seconds=$2 && shift 2 ;;
    --seeds) is_number "$1" "$2" && seeds=$2 && shift 2 ;;
    --jobs) is_number "$1" "$2" && jobs=$2 && shift 2 ;;
    --out) out=$2 && shift 2 ;;
    --base) base=$2 && shift 2 && { [ -f "$base" ] || usage "there is no file $base"; } ;;
    -*) usage "no option is named $1" ;;
    *) break ;;
    esac
done
[ -f "$base" ] && base=$(readlink -f "$base")
root=$PWD
plants=${*:-$(find fuzz/plants -name '*.patch' | sed 's|.*/||; s|\.patch$||' | sort)}
for plant in $plants; do
    [ -f "fuzz/plants/$plant.patch" ] || usage "there is no plant $plant"
done
mkdir -p "$out" && out=$(readlink -f "$out") || exit 3
# Commands are taken apart as text below, so all is built where no name has a blank or the like in it.
kept=$out
case $out in *[!A-Za-z0-9/._-]*)
    out=$(mktemp -d "${TMPDIR:-/tmp}/mapstorm-score.XXXXXX") || exit 3
    trap 'rm -rf "$out"' EXIT
    trap 'exit 130' INT TERM
    case $out in *[!A-Za-z0-9/._-]*)
        echo "score.sh: give --out, or TMPDIR, a folder whose name has letters, digits, '.', '_' and '-' alone" >&2
        exit 3
        ;;
    esac
    ;;
esac
rm -rf "$out/rows"
mkdir -p "$out/rows" || exit 3
launcher=''
command -v ccache >/dev/null && launcher=ccache

# The program without any plant, once, and from its build three lists for all plants: which object is made
# of which file (deps), how each is compiled (commands), and how they are linked (the last command).
prepare() {
    rm -rf "$out/base/tree"
    mkdir -p "$out/base/tree" && cp -rp CMakeLists.txt bench core fuzz corpus "$out/base/tree" || return 1
    cmake -S "$out/base/tree" -B "$out/base/build" -G Ninja -DCMAKE_C_COMPILER_LAUNCHER="$launcher" \
        -DCMAKE_BUILD_TYPE=Debug -DMAPSTORM_BUILD_BENCH=OFF -DMAPSTORM_BUILD_TESTS=ON \
        >"$out/base/build.log" 2>&1 || return 1
    cmake --build "$out/base/build" --target mapstorm-fuzz >"$out/base/build.log" 2>&1 || return 1
    ninja -C "$out/base/build" -t deps |
        awk '/^[^ ].*: #deps/ { sub(/:$/, "", $1); object = $1 } /^ / { print object, $1 }' |
        sed "s| $out/base/tree/| |" | grep ' core/' >"$out/base/deps"
    ninja -C "$out/base/build" -t commands mapstorm-fuzz >"$out/base/commands"
    [ -s "$out/base/deps" ] && tail -n 1 "$out/base/commands" | grep -q ' -o mapstorm-fuzz '
}

# The program with the plant that job $1's tree holds in file $2: only what is made of that file is compiled,
# without what debuggers need, and it takes its object's place in a copy of the archive.
build() {
    here=$out/$1
    rm -rf "$here/build" && mkdir -p "$here/build" || return 1
    link=$(tail -n 1 "$out/base/commands" | sed "s| -o mapstorm-fuzz | -o $here/build/mapstorm-fuzz |")
    objects=$(awk -v file="$2" '$2 == file { print $1 }' "$out/base/deps")
    [ -n "$objects" ] || return 1
    for object in $objects; do
        new=$here/build/${object#CMakeFiles/}
        mkdir -p "${new%/*}" || return 1
        grep -F -e " -o $object " "$out/base/commands" | head -n 1 | sed "s|^$launcher ||; s| -g | |
            s|$out/base/tree/|$here/tree/|g; s| -o $object | -o $new |; s| -MF [^ ]*||; s| -MD | |; s| -MT [^ ]*||" \
            >"$here/compile.sh"
        (cd "$out/base/build" && sh "$here/compile.sh") >>"$here/build.log" 2>&1 || return 1
        library=${object#CMakeFiles/}
        library=lib${library%%.dir/*}.a
        if [ -f "$out/base/build/$library" ]; then
            [ -f "$here/build/$library" ] || cp "$out/base/build/$library" "$here/build" || return 1
            [ "$(ar t "$here/build/$library" | grep -cFx "${object##*/}")" = 1 ] || return 1
            ar r "$here/build/$library" "$new" >>"$here/build.log" 2>&1 || return 1
            link=$(printf '%s\n' "$link" | sed "s| $library| $here/build/$library|g")
        else
            link=$(printf '%s\n' "$link" | sed "s| $object | $new |")
        fi
    done
    (cd "$out/base/build" && sh -c "$link") >>"$here/build.log" 2>&1
}

# Fields of a row: state, found, executions and seconds of those found as "median, worst", seconds that
# shrinking one of them took, oracle.
row() {
    printf '%s|%s|%s|%s|%s|%s\n' "$2" "$3" "$4" "$5" "$6" "$7" >"$out/rows/$1"
}
middle_and_worst() {
    sort -n -k"$1" | awk -v k="$1" '{ v[NR] = $k } END { if (NR) print v[int((NR + 1) / 2)] ", " v[NR] }'
}

# One plant in job `$1`'s tree.
plant_try() {
    here=$out/$1 tree=$out/$1/tree patch=$root/fuzz/plants/$2.patch
    target=$(sed -n 's/^target: //p' "$patch")
    if ! file=$(fuzz/plant.sh in "$patch" "$tree" 2>"$here/patch.log"); then
        row "$2" stale 0 '' '' '' 'the code it changes is gone'
        return
    fi
    : >"$here/build.log"
    if ! build "$1" "$file"; then
        row "$2" stale 0 '' '' '' 'it does not build'
    else
        state=good
        # A regression that cannot fail proves nothing: with its plant it must.
        for file in "$tree"/corpus/*/regressions/*.txt; do
            grep -q "^# plant: $2$" "$file" || continue
            "$here/build/mapstorm-fuzz" replay --quiet "$file" >"$here/replay.log" 2>&1
            [ $? = 1 ] || state="stale, ${file##*/} does not fail"
            rm "$file" # found, not told: the hunt begins without it
        done
        : >"$here/runs"
        rm -rf "$here/findings"
        seed=1
        while [ $seed -le "$seeds" ]; do
            # A planted endless loop without a step never comes back: then time ends it.
            timeout $((seconds * 20 + 20)) "$here/build/mapstorm-fuzz" fuzz "$target" --time "$seconds" \
                --cpu-time --seed $seed --quiet --fresh --corpus "$tree/corpus" --findings "$here/findings" 2>&1 |
                sed -n "s/^$target: \([0-9]*\) executions in \([0-9.]*\) s.*inconclusive: \(.*\)/\1 \2 \3/p" |
                grep -v ' clean$' >>"$here/runs"
            seed=$((seed + 1))
        done
        shrunk=''
        for input in "$here"/findings/*/input.txt; do
            [ -f "$input" ] && shrunk=$("$here/build/mapstorm-fuzz" shrink "$input" --out "$here/small.txt" 2>&1 |
                sed -n 's/^shrunk .*, \([0-9.]*\) s$/\1/p')
        done
        row "$2" "$state" "$(wc -l <"$here/runs")" "$(middle_and_worst 1 <"$here/runs")" \
            "$(middle_and_worst 2 <"$here/runs")" "$shrunk" \
            "$(cut -d' ' -f3- "$here/runs" | sort | uniq -c | sort -rn | sed -n '1s/^ *[0-9]* //p')"
    fi
    cp -p corpus/"$target"/regressions/*.txt "$tree/corpus/$target/regressions" 2>/dev/null
    fuzz/plant.sh out "$patch" "$tree" >"$here/patch.log" 2>&1 || { rm -rf "$tree/core" && cp -rp core "$tree"; }
    echo "$2: $(cut -d'|' -f2 "$out/rows/$2")/$seeds" >&2
}

began=$(date +%s)
mkdir -p "$out/base" || exit 3
prepare || { tail -n 20 "$out/base/build.log" >&2 && exit 3; }
# The longest hunts of the last time first, so that the jobs end together.
order=$(for plant in $plants; do
    echo "$(sed -n "s/.*\"plant\": \"$plant\".*\"seconds_median_worst\": \[[^,]*, \([0-9.]*\)\].*/\1/p" "$base" 2>/dev/null |
        head -n 1) $plant"
done | sort -s -k1,1nr | sed 's/.* //')
# Whoever is free takes the next: a folder can be made only once.
rm -rf "$out/taken" && mkdir "$out/taken" || exit 3
job=1
while [ $job -le "$jobs" ]; do
    rm -rf "${out:?}/$job"
    mkdir -p "$out/$job/tree" && cp -rp bench core fuzz corpus "$out/$job/tree" || exit 3
    (for plant in $order; do
        mkdir "$out/taken/$plant" 2>/dev/null && plant_try "$job" "$plant"
    done) &
    job=$((job + 1))
done
wait
times >"$out/times"
took=$(($(date +%s) - began))
# "0m1.25s 0m0.50s", of this shell and of all that it started: processor seconds.
processor=$(tr ' ' '\n' <"$out/times" | awk -F '[ms]' 'NF > 2 { all += $1 * 60 + $2 } END { printf "%d", all }')

total=0 hits=0 bad=0 json=''
{
    printf '| plant | class | found | executions: median, worst | seconds: median, worst | shrunk in s | oracle |\n'
    printf '|---|---|---:|---:|---:|---:|---|\n'
} >"$out/score.md"
: >"$out/lost"
for plant in $plants; do
    [ -f "$out/rows/$plant" ] || row "$plant" stale 0 '' '' '' 'not tried: the job died'
    class=$(sed -n 's/^class: //p' "fuzz/plants/$plant.patch")
    IFS='|' read -r state found executions times shrunk oracle <"$out/rows/$plant"
    total=$((total + seeds)) hits=$((hits + found))
    [ "$state" = good ] || bad=$((bad + 1)) oracle="$state${oracle:+; }$oracle"
    printf '| %s | %s | %s/%s | %s | %s | %s | %s |\n' "$plant" "$class" "$found" "$seeds" "$executions" \
        "$times" "$shrunk" "$oracle" >>"$out/score.md"
    json="$json${json:+,}
  {\"plant\": \"$plant\", \"found\": $found, \"of\": $seeds, \"executions_median_worst\": [${executions:-null}], \"seconds_median_worst\": [${times:-null}], \"shrink_seconds\": ${shrunk:-null}}"
    # shellcheck disable=SC2046 # two numbers, or nothing
    set -- $(sed -n "s/.*\"plant\": \"$plant\", \"found\": \([0-9]*\), \"of\": \([0-9]*\).*/\1 \2/p" "$base" 2>/dev/null)
    if [ "$found" = 0 ] && [ $((${1:-0} * 2)) -gt "${2:-0}" ]; then
        echo "$plant" >>"$out/lost"
    fi
done
printf '{"seconds_max": %s, "found": %s, "of": %s, "took_seconds": %s, "processor_seconds": %s, "plants": [%s\n]}\n' "$seconds" "$hits" \
    "$total" "$took" "$processor" "$json" >"$out/score.json.new" && mv "$out/score.json.new" "$out/score.json"
if [ "$kept" != "$out" ]; then
    for file in score.md score.json; do
        cp "$out/$file" "$kept/$file.new" && mv "$kept/$file.new" "$kept/$file" || exit 3
    done
fi
cat "$out/score.md"
printf '\n%s of %s pairs found within %s s, in %s s with %s jobs, %s s of the processor; %s plants or their regressions are stale\n' \
    "$hits" "$total" "$seconds" "$took" "$jobs" "$processor" "$bad"
sed -n 's/.*"shrink_seconds": \([0-9.]*\)}.*/\1/p' "$out/score.json" | sort -n |
    awk '{ v[NR] = $1 } END { if (NR) printf "shrinking took %s s in the middle, %s s at the 95th percentile, %s s at most\n", v[int((NR + 1) / 2)], v[int((NR * 95 + 99) / 100)], v[NR] }'
sed "s/^/found before, and no more: /" "$out/lost"
[ $((hits * 100)) -ge $((total * 95)) ] && [ $bad = 0 ] && ! [ -s "$out/lost" ]
