#!/bin/sh
# SPDX-License-Identifier: MIT
# score.sh: are planted bugs found? For each patch in fuzz/plants: a copy of the tree gets it, the
# fuzzer is built and hunts from the committed seeds, five fixed seeds, a limit of seconds each.
# Usage: fuzz/score.sh [--seconds N] [--seeds N] [--out FOLDER] [PLANT...]
# Prints a table, writes score.json, ends with 1 when a pair (plant, seed) was missed.
set -u
cd "$(dirname "$0")/.." || exit 3
seconds=30 seeds=5 out=build/score
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) seconds=$2 && shift 2 ;;
    --seeds) seeds=$2 && shift 2 ;;
    --out) out=$2 && shift 2 ;;
    -*) sed -n 's/^# Usage/usage/p' "$0" >&2 && exit 3 ;;
    *) break ;;
    esac
done
mkdir -p "$out" && out=$(readlink -f "$out") || exit 3
root=$PWD
tree=$out/tree
rm -rf "$tree"
mkdir -p "$tree" || exit 3
cp -r CMakeLists.txt core fuzz corpus "$tree" || exit 3
plants=${*:-$(find fuzz/plants -name '*.patch' | sed 's|.*/||; s|\.patch$||' | sort)}

build() {
    cmake --build "$out/build" --target mapstorm-fuzz >"$out/build.log" 2>&1
}
launcher=''
command -v ccache >/dev/null && launcher=ccache
if ! cmake -S "$tree" -B "$out/build" -G Ninja -DCMAKE_C_COMPILER_LAUNCHER="$launcher" -DCMAKE_BUILD_TYPE=Debug -DMAPSTORM_BUILD_BENCH=OFF \
    -DMAPSTORM_BUILD_TESTS=ON >"$out/build.log" 2>&1 || ! build; then
    tail -n 20 "$out/build.log" >&2
    exit 3
fi

printf '| plant | class | found | executions: median, worst | seconds: median, worst | oracle |\n'
printf '|---|---|---:|---:|---:|---|\n'
json='' total=0 hits=0 stale=0
for plant in $plants; do
    patch=$root/fuzz/plants/$plant.patch
    class=$(sed -n 's/^class: //p' "$patch")
    target=$(sed -n 's/^target: //p' "$patch")
    if ! fuzz/plant.sh in "$patch" "$tree" >"$out/patch.log" 2>&1; then
        printf '| %s | %s | stale | | | the code it changes is gone |\n' "$plant" "$class"
        stale=$((stale + 1))
        continue
    fi
    build || printf '| %s | %s | does not build | | | |\n' "$plant" "$class"
    # A regression that cannot fail proves nothing: with its plant it must.
    for file in "$tree"/corpus/*/regressions/*.txt; do
        grep -q "^# plant: $plant$" "$file" || continue
        "$out/build/mapstorm-fuzz" replay --quiet "$file" >"$out/replay.log" 2>&1
        if [ $? -ne 1 ]; then
            printf '| %s | %s | its regression does not fail | | | %s |\n' "$plant" "$class" "${file#"$tree"/}"
            stale=$((stale + 1))
        fi
    done
    : >"$out/runs"
    seed=1
    while [ $seed -le "$seeds" ]; do
        # A planted endless loop without a step never comes back: then time ends it.
        timeout $((seconds + 20)) "$out/build/mapstorm-fuzz" fuzz "$target" --time "$seconds" \
            --seed $seed --quiet --fresh --corpus "$tree/corpus" --findings "$out/findings" 2>&1 |
            sed -n "s/^$target: \([0-9]*\) executions in \([0-9.]*\) s.*inconclusive: \(.*\)/\1 \2 \3/p" \
                >"$out/run"
        total=$((total + 1))
        if [ -s "$out/run" ] && ! grep -q ' clean$' "$out/run"; then
            cat "$out/run" >>"$out/runs"
            hits=$((hits + 1))
        fi
        seed=$((seed + 1))
    done
    found=$(wc -l <"$out/runs")
    executions=$(sort -n "$out/runs" | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] ", " v[NR] }')
    took=$(sort -n -k2 "$out/runs" | awk '{ v[NR] = $2 } END { if (NR) print v[int((NR + 1) / 2)] ", " v[NR] }')
    oracle=$(cut -d' ' -f3- "$out/runs" | sort | uniq -c | sort -rn | sed -n '1s/^ *[0-9]* //p')
    printf '| %s | %s | %s/%s | %s | %s | %s |\n' "$plant" "$class" "$found" "$seeds" "$executions" \
        "$took" "$oracle"
    json="$json${json:+,}
  {\"plant\": \"$plant\", \"found\": $found, \"of\": $seeds, \"executions_median_worst\": [${executions:-null}], \"seconds_median_worst\": [${took:-null}]}"
    fuzz/plant.sh out "$patch" "$tree" >"$out/patch.log" 2>&1 || cp -r core "$tree"
done
printf '{"seconds_max": %s, "found": %s, "of": %s, "plants": [%s\n]}\n' "$seconds" "$hits" "$total" \
    "$json" >"$out/score.json"
printf '\n%s of %s pairs found within %s s; %s plants or their regressions are stale\n' "$hits" "$total" "$seconds" "$stale"
[ "$hits" = "$total" ] && [ $stale = 0 ]
