#!/bin/sh
# SPDX-License-Identifier: MIT
# program_test.sh SUBJECT PROGRAM PLUGINS: tests of the program mapstorm from outside: exit codes,
# what is on standard output and error, and that no old report is harmed. PLUGINS is the folder of
# the strategies that are wrong on purpose.
set -u
subject=$1
program=$2
plugins=$3
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
errors=0

wrong() {
    printf 'wrong: %s\n' "$*"
    errors=$((errors + 1))
    for file in out err; do
        [ -s "$work/$file" ] && sed "s/^/  $file: /" "$work/$file" | tail -n 15
    done
}

# expect CODE ARGUMENT...: runs the program with its output in out and err.
expect() {
    code=$1
    shift
    "$program" "$@" >"$work/out" 2>"$work/err"
    got=$?
    [ "$got" = "$code" ] || wrong "'$*' ended with $got, not $code"
}

# says FILE TEXT: the text is in out or err.
says() {
    grep -q -e "$2" "$work/$1" || wrong "$1 does not say '$2'"
}

is_report() {
    for name in result.json page.html summary.md result.csv gbench.json machine.xml; do
        [ -s "$1/$name" ] || wrong "$1/$name is missing or empty"
    done
    [ -z "$(find "$1" -name '*.tmp')" ] || wrong "$1 holds a file that is not finished"
}

# runs PID: this child of ours has not ended.
runs() {
    ! grep -q '^State:.*Z' "/proc/$1/status"
}

# The smallest run: two shapes, one strategy beside the baseline.
small='--quick --allow-debug --scenario registers --strategy cas-bitmap --shape 1r,8r --threads 1 --seed 3'

case $subject in
smoke)
    # shellcheck disable=SC2086 # the choices are words
    expect 0 run $small --out report
    is_report report
    says out '^page      report/page.html$'
    says out '^again     mapstorm run --quick'
    says err '^plan '
    says err '2 strategies, 2 shapes'
    grep -q '"schema": *"mapstorm-run-1"' report/result.json || wrong 'no schema in the result'
    grep -q 'registers/strategy:cas-bitmap/shape:8r/threads:1/registers:4096' report/result.json ||
        wrong 'the cell is not in the result'
    grep -q '"drag"' report/result.json || wrong 'no controls in the result'
    # The result reads back.
    expect 0 report report/result.json --out again
    expect 0 compare report/result.json
    says out cas-bitmap

    # shellcheck disable=SC2086
    expect 0 run $small --shape 1r --json --quiet --anonymous --out json
    head -c 1 out | grep -q '{' || wrong 'standard output is not JSON alone'
    [ "$(grep -c '^plan' err)" = 0 ] || wrong '--quiet is not quiet'
    grep -q "\"host\": *\"$(hostname)\"" json/result.json && wrong '--anonymous names the host'
    ;;
usage)
    expect 2
    expect 2 runn
    says err 'did you mean run'
    expect 2 run --strategy magazin
    says err 'did you mean magazine'
    expect 2 run --shape mix57
    says err 'did you mean .*mix75'
    expect 2 run --stratgy magazine
    says err 'did you mean strategy'
    expect 2 run --out
    expect 2 run --layout nowhere.layout
    says err 'nowhere.layout'
    printf 'mapstorm-layout 1\nname x\npages many\n' >bad.layout
    expect 2 run --layout bad.layout
    says err 'bad.layout'
    expect 2 report
    expect 2 report nowhere.json
    says err 'nowhere.json'
    printf '{"schema": "mapstorm-run-1", "cells": [' >half.json
    expect 2 report half.json
    says err 'half.json'
    expect 2 compare half.json
    expect 2 capture --pid 0x
    expect 2 capture --name 'a/b'
    [ -z "$(find . -name reports)" ] || wrong 'wrong usage left a folder behind'
    for command in run list doctor report compare goals capture; do
        expect 0 "$command" --help
        says out Examples
    done
    expect 0 --help
    expect 0 list
    says out spin-bitmap
    says out mix75
    expect 0 --version
    "$program" bench --benchmark_filter='strategy:cas-bitmap/shape:8r/threads:1/' \
        --benchmark_min_time=0.01 >out 2>err || wrong 'bench failed'
    says out 'wall_ns_per_op='
    expect 2 bench --benchmark_filter=nothing-like-it
    expect 2 bench --benchmark_flter=x
    "$program" doctor >out 2>err
    says out 'usable threads'
    expect 0 run --dry-run
    says out '^plan '
    says out '^cell '
    [ -z "$(find . -name reports)" ] || wrong 'a dry run left a folder behind'
    ;;
crash)
    # A strategy that aborts costs its cells, not the run.
    # shellcheck disable=SC2086
    expect 4 run $small --plugin "$plugins/libbroken1.so" --strategy outsider --out report
    says err 'crashed'
    says err 'killed by signal 6'
    says err 'run --scenario registers --strategy outsider --shape'
    is_report report
    grep -q '"outcome": *"crashed"' report/result.json || wrong 'no crashed cell in the result'
    grep -q 'strategy:cas-bitmap/shape:8r' report/result.json || wrong 'another cell is missing'
    ;;
hang)
    # shellcheck disable=SC2086
    expect 4 run $small --plugin "$plugins/libbroken3.so" --strategy outsider --shape 1r --out report
    says err 'did not end within'
    is_report report
    ;;
plugin)
    # shellcheck disable=SC2086
    expect 0 run $small --plugin "$plugins/libbroken0.so" --strategy outsider --shape 1r --out sound
    grep -q 'strategy outsider.*--plugin ' sound/result.json || wrong 'a command leaves out the plug-in'
    grep -q 'strategy:outsider' sound/result.json || wrong 'the plug-in is not in the result'
    expect 0 list --plugin "$plugins/libbroken0.so"
    says out 'outsider *plug-in'
    expect 2 run --plugin "$plugins/libbroken4.so"
    says err 'interface'
    says err 'libbroken4.so'
    expect 2 run --plugin nowhere.so
    printf 'no object' >text.so
    expect 2 run --plugin text.so
    # Registers in two hands, or lost: the strategy fails, is never ranked, and the run says so.
    for kind in 2 5; do
        # shellcheck disable=SC2086
        expect 1 run $small --plugin "$plugins/libbroken$kind.so" --strategy outsider --shape 8r \
            --out "wrong$kind"
        says err '^failed'
        grep -q '"outcome": *"failed"' "wrong$kind/result.json" || wrong 'no failed cell'
    done
    ;;
folder)
    # An earlier report is never touched; what cannot be written is said before measuring.
    mkdir old && printf old >old/result.json
    # shellcheck disable=SC2086
    expect 2 run $small --out old
    says err 'already holds a report'
    [ "$(cat old/result.json)" = old ] || wrong 'an old report was changed'
    printf file >file
    # shellcheck disable=SC2086
    expect 4 run $small --out file/below
    says err 'file/below'
    # shellcheck disable=SC2086
    expect 0 run $small --shape 1r
    # shellcheck disable=SC2086
    expect 0 run $small --shape 1r
    [ "$(find reports -name page.html | wc -l)" = 2 ] || wrong 'the second report is not beside the first'
    # A full disk: behind standard output, and under the report.
    # shellcheck disable=SC2086
    "$program" run $small --shape 1r --out full >/dev/full 2>err
    [ $? = 4 ] || wrong 'a full standard output looks like success'
    if small_disk=$(mktemp -d) && mount -t tmpfs -o size=16k none "$small_disk" 2>/dev/null; then
        # shellcheck disable=SC2086
        expect 4 run $small --shape 1r --out "$small_disk/report"
        says err 'space'
        [ -z "$(find "$small_disk" -name page.html)" ] || wrong 'half a report on a full disk'
        umount "$small_disk"
    fi
    rmdir "$small_disk"
    ;;
interrupt)
    # Ctrl-C ends after the block and writes what is there.
    # shellcheck disable=SC2086
    "$program" run --quick --allow-debug --scenario registers --threads 1 --out report >out 2>err &
    pid=$!
    while runs $pid && ! grep -q '^progress ' err 2>/dev/null; do sleep 0.1; done # a block is measured
    kill -INT $pid
    wait $pid
    [ $? = 130 ] || wrong 'interrupted, but not 130'
    is_report report
    grep -q '"interrupted": *true' report/result.json || wrong 'the result is not marked'
    grep -q '"wall_ns"' report/result.json || wrong 'what was measured is lost'
    # A second one stops at once: both are there when it goes on, however long we are held up between them.
    rm err # what the first run said is no sign of the second
    "$program" run --quick --allow-debug --scenario registers --threads 1 --out again >out 2>err &
    pid=$!
    while runs $pid && ! grep -q '^plan ' err 2>/dev/null; do sleep 0.1; done
    kill -STOP $pid
    kill -INT $pid
    kill -TERM $pid
    kill -CONT $pid
    wait $pid
    [ $? = 130 ] || wrong 'twice interrupted, but not 130'
    [ ! -e again ] || wrong 'a run stopped at once left a folder behind'
    ;;
*)
    wrong "no subject $subject"
    ;;
esac
[ "$errors" = 0 ]
