#!/bin/sh
# SPDX-License-Identifier: MIT
# stop_test.sh PROGRAM SOURCE quick|table: the table of stopped threads. quick: the strategies alone, and
# that those that lock are caught. table: all of it is what core/STOPPED.md says.
set -u
program=$1
source=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
if [ "$3" = table ]; then
    "$program" stop --table --corpus "$source/corpus" >"$work/STOPPED.md" || {
        cat "$work/STOPPED.md"
        exit 1
    }
    diff -u "$source/core/STOPPED.md" "$work/STOPPED.md" && exit 0
    echo "when this is as it should be: build/dev/mapstorm-fuzz stop --table >core/STOPPED.md"
    exit 1
fi
"$program" stop --table strategies --corpus "$source/corpus" >"$work/table" || {
    cat "$work/table"
    exit 1
}
# What locks on purpose must not pass.
for name in spin-bitmap mutex-segfit; do
    grep -q "^- $name says it is blocking: a stopped thread holds the others up" "$work/table" || {
        echo "$name holds nobody up: what would be caught?"
        exit 1
    }
done
grep -q "^- cas-bitmap says it is lock-free: no stop held anybody up" "$work/table"
