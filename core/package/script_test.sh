#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the root script in a scratch tree whose PATH holds make-believe package tools, cmake and
# ctest, and checks what it calls, says and answers on machines that are ready, bare or broken.
set -u
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
tree="$work/a tree"
fake=$work/bin
failed=0

mkdir -p "$tree/bench" "$fake"
cp "$SOURCE/mapstorm" "$tree/"
cp "$SOURCE/bench/packages.txt" "$tree/bench/"
for tool in sh env readlink sed grep tail mkdir rm getconf cat chmod touch flock; do
    ln -s "$(command -v $tool)" "$fake/$tool"
done

# make NAME: a tool from standard input. Each notes its call and reads what the case prepared.
make() {
    { echo '#!/bin/sh'; echo "echo \"$1 \$*\" >>\"\$WORK/calls\""; cat; } >"$fake/$1"
    chmod +x "$fake/$1"
}
make dpkg-query <<'EOT'
while read -r name; do printf '%s installed ' "$name"; done <"$WORK/installed"
EOT
make apt-get <<'EOT'
[ ! -f "$WORK/apt-fails" ] || exit 100
for word in "$@"; do
    [ "$word" != update ] || { touch "$WORK/updated"; exit 0; }
done
[ -f "$WORK/updated" ] || { echo "E: Unable to locate package" >&2; exit 100; }
while [ "$1" != -- ]; do shift; done
shift
for name in "$@"; do echo "$name" >>"$WORK/installed"; done
EOT
make sudo <<'EOT'
[ -f "$WORK/sudo-works" ] || exit 1
[ "$1" != -n ] || shift
exec "$@"
EOT
make id <<'EOT'
cat "$WORK/uid"
EOT
# The second after which a build says that it is one is over when the case says so.
make sleep <<'EOT'
[ -f "$WORK/takes-long" ]
EOT
make cmake <<'EOT'
case "$*" in
"--preset "*)
    [ ! -f "$WORK/configure-says" ] || { cat "$WORK/configure-says"; exit 1; }
    mkdir -p "build/$2"
    echo "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" >"build/$2/CMakeCache.txt"
    touch "build/$2/build.ninja"
    ;;
"--build --preset "*)
    [ ! -f "$WORK/build-says" ] || { cat "$WORK/build-says"; exit 1; }
    while [ -f "$WORK/takes-long" ] && ! grep -q building "$WORK/err"; do continue; done
    printf '#!/bin/sh\necho "program" "$@" "in $PWD"; printf "<%%s>" "$@"\n' >"build/$3/${5:-mapstorm}"
    chmod +x "build/$3/${5:-mapstorm}"
    ;;
"--workflow --preset test") [ ! -f "$WORK/tests-fail" ] || exit 8 ;;
esac
EOT
mkdir "$tree/fuzz"
printf '#!/bin/sh\nprintf "score "; printf "<%%s>" "$@"\n' >"$tree/fuzz/score.sh"
printf '#!/bin/sh\nprintf "<%%s>" "$@"\n' >"$tree/fuzz/cover.sh"
chmod +x "$tree/fuzz/score.sh" "$tree/fuzz/cover.sh"
make ctest </dev/null
make true </dev/null
cp "$fake/sudo" "$work/sudo"

# A machine as the words say: what is not named is absent.
machine() {
    rm -rf "$tree/build" "$work"/sudo-works "$work"/updated "$work"/*-says "$work"/*-fail* "$work/takes-long" \
        "$work"/installed "$fake/sudo"
    touch "$work/installed"
    echo 1000 >"$work/uid"
    for word in "$@"; do
        case $word in
        root) echo 0 >"$work/uid" ;;
        sudo) cp "$work/sudo" "$fake/sudo" ;;
        sudo-works) cp "$work/sudo" "$fake/sudo" && touch "$work/sudo-works" ;;
        installed) sed -n 's/^build *\([^ ]*\).*/\1/p' "$tree/bench/packages.txt" >"$work/installed" ;;
        *) touch "$work/$word" ;;
        esac
    done
}

# run CASE CODE ARGUMENT...: starts the script from another folder and checks its answer.
run() {
    case=$1
    want=$2
    shift 2
    : >"$work/calls"
    (cd / && PATH=$fake WORK=$work CDPATH=/usr MAPSTORM_PACKAGES='' CC='' "$tree/mapstorm" "$@") \
        >"$work/out" 2>"$work/err" </dev/null
    code=$?
    [ $code = "$want" ] || wrong "ended with $code, wanted $want"
}
wrong() {
    echo "script: $case: $*" >&2
    sed 's/^/    /' "$work/calls" "$work/out" "$work/err" >&2
    failed=1
}
says() { # FILE TEXT
    grep -qF -e "$2" "$work/$1" || wrong "'$2' is not in $1"
}
says_not() {
    ! grep -qF -e "$2" "$work/$1" || wrong "'$2' is in $1"
}

machine root
run "a bare machine, root" 0 list "two words"
says calls "apt-get -o DPkg::Lock::Timeout=120 update"
says calls "libhwloc-dev"
says_not calls "clang"
says out "<list><two words>"
run "the second start" 0 list
says_not calls "apt-get"
says_not calls "cmake --preset"
says calls "cmake --build --preset release --target mapstorm"
says out "in /"
[ ! -s "$work/err" ] || wrong "a start without work says something"

touch "$work/takes-long"
run "a start with much work" 0 list
says err "building in build/release"
rm "$work/takes-long"

run "the fuzzers" 0 fuzz "a target" --time 5
says calls "cmake --build --preset release --target mapstorm-fuzz"
says out "<fuzz><a target><--time><5>"
run "a replay in the debugger" 0 replay --gdb x.txt
says calls "cmake --build --preset dev --target mapstorm-fuzz"
says out "<replay><--gdb><x.txt>"
run "the score of planted bugs" 0 fuzz --score --seeds 1
says out "score <--seeds><1>"
run "what the corpus reaches" 0 cover --uncovered
says calls "cmake --build --preset cover --target mapstorm-fuzz"
says out "build/cover><--uncovered>"
run "how cover is used" 0 cover --help
says out "<--help>"
says_not calls "cmake"

machine root installed
run "all there" 0 run
says_not calls "apt-get"
machine root installed updated
sed 1d "$work/installed" >"$work/most" && mv "$work/most" "$work/installed"
run "one package missing, lists fresh" 0 run
says calls "install -- gcc"
says_not calls " update"
says_not calls "libhwloc-dev --"

machine
run "no right" 3 run
says err "please run: su -c 'apt-get update && apt-get install"
says_not calls "apt-get"
machine sudo
run "sudo refuses" 3 test
says err "please run: sudo sh -c 'apt-get update && apt-get install"
says_not calls "apt-get"
machine sudo-works
run "sudo works" 0 run
says calls "sudo env DEBIAN_FRONTEND=noninteractive apt-get"
machine root apt-fails
run "apt fails" 3 run
says err "by hand: apt-get update && apt-get install"

machine
mv "$fake/dpkg-query" "$work/dpkg-query"
run "another distribution, ready" 0 run
echo "package 'hwloc' not found" >"$work/configure-says"
rm -rf "$tree/build"
run "another distribution, not ready" 3 run
says err "libhwloc-dev"
says err "package 'hwloc' not found"
mv "$work/dpkg-query" "$fake/dpkg-query"
mv "$fake/apt-get" "$work/apt-get"
machine
run "dpkg without apt" 3 run
says err "please install these packages: gcc"
mv "$work/apt-get" "$fake/apt-get"

machine installed
echo "mine.c:1: error: x" >"$work/build-says"
run "code that does not compile" 1 run
says err "mine.c:1: error: x"
says err "build/release.log"
[ ! -s "$work/out" ] || wrong "standard output is for results only"
rm "$work/build-says"
run "mended" 0 run

machine installed
echo "cannot create x.o: No space left on device" >"$work/build-says"
run "a full disk" 3 run
says err "no space left on the disk"
machine installed
echo 'is not able to compile a simple test program' >"$work/configure-says"
run "a broken compiler" 3 run
says err "the compiler does not work"
machine installed
touch "$tree/build"
run "a tree that cannot be written" 3 run
says err "cannot write in $tree/build"

machine installed
run "before a move" 0 run
mv "$tree" "$work/moved"
tree=$work/moved
run "after a move" 0 run
says calls "cmake --preset release"
ln -s "$tree/mapstorm" "$work/link"
tree=$work
mv "$work/link" "$work/mapstorm"
run "start through a link" 0 x
says out "program x"
tree=$work/moved

machine installed
run "tests" 0 test
says calls "cmake --workflow --preset test"
run "some tests" 0 test -R core
says calls "ctest --preset test -R core"
touch "$work/tests-fail"
run "failing tests" 1 test

[ $failed = 0 ] && echo "script: all machines answered as they should"
exit $failed
