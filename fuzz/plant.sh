#!/bin/sh
# SPDX-License-Identifier: MIT
# plant.sh: puts a planted bug into a copy of the tree, or takes it out again.
# Usage: fuzz/plant.sh in|out PATCH TREE
# Prints the file that changed. Code moves and its surroundings change, so the file is looked for when
# the patch does not fit where it was made: a single place in core that it fits is the place. Ends with
# 1, and says so, when there is none or more than one.
set -u
case $# in 3) ;; *) sed -n 's/^# Usage/usage/p' "$0" >&2 && exit 3 ;; esac
case $1 in in) way=--forward ;; out) way=--reverse ;; *) sed -n 's/^# Usage/usage/p' "$0" >&2 && exit 3 ;; esac
patch=$(readlink -f "$2") || exit 3
cd "$3" || exit 3
file=$(sed -n 's|^+++ b/||p' "$patch" | head -n 1)
[ -n "$file" ] || { echo "plant.sh: $patch names no file" >&2 && exit 3; }

fits() {
    patch -s -f "$way" --dry-run "$1" <"$patch" >/dev/null 2>&1
}
if ! [ -f "$file" ] || ! fits "$file"; then
    places=''
    for other in $(find core -name '*.[ch]' | sort); do
        fits "$other" && places="$places $other"
    done
    case $places in
    '') echo "plant.sh: $(basename "$patch" .patch) is stale: nothing in core looks like what it changes" >&2 && exit 1 ;;
    ' '*' '*) echo "plant.sh: $(basename "$patch" .patch) is stale: it fits more than one place:$places" >&2 && exit 1 ;;
    esac
    file=${places# }
fi
patch -s -f "$way" --no-backup-if-mismatch "$file" <"$patch" || exit 1
echo "$file"
