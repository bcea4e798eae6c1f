#!/bin/sh
# SPDX-License-Identifier: MIT
# tools_test.sh PROGRAM CORPUS: mapstorm-fuzz from outside: what a hunt leaves, that findings replay,
# shrink and open in a debugger, that bad input is named and nothing is lost.
set -u
program=$1
corpus=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
# Commands that are printed are for copying, whatever a folder is called.
ln -s "$corpus" "it's a corpus" || exit 1
corpus="$work/it's a corpus"
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
    "$program" "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    [ "$got" = "$code" ] || wrong "'$*' ended with $got, not $code"
}
says() { # FILE TEXT
    grep -qF -e "$2" "$work/$1" || wrong "$1 does not say '$2'"
}
# runs PID: this child of ours has not ended.
runs() {
    ! grep -q '^State:.*Z' "/proc/$1/status"
}
# hunter_await PID TICKS: waits until the hunter of this hunt has used so many hundredths of a second of the
# processor, however long that takes, and names it in `hunter`; nothing there when the kernel does not tell.
hunter_await() {
    hunter='' ticks=0
    [ -f "/proc/$1/task/$1/children" ] || { sleep 1 && return; }
    while [ "$ticks" -lt "$2" ] && runs "$1"; do
        sleep 0.05
        hunter=$(tr -d ' ' <"/proc/$1/task/$1/children")
        ticks=$(cut -d' ' -f14 "/proc/${hunter:-none}/stat" 2>/dev/null) # its name has no blank
        ticks=${ticks:-0}
    done
}

# --- a finding is a folder, and its last line replays it
expect 0 fuzz canary --executions 200000 --quiet --corpus "$corpus" --findings found
says out 'O1 one node, two owners'
says out 'the planted bug was found'
folder=$(echo found/canary-o1-one-node-two-owners-*)
for name in input.txt minimal.txt keyed.txt story.txt story.html finding.txt; do
    [ -s "$folder/$name" ] || wrong "$folder/$name is missing or empty"
done
[ -z "$(find found -name '*.part' -o -name '*.tmp')" ] || wrong 'something unfinished is left'
# pasted COMMAND: what a person's shell makes of it, in out.
pasted() {
    eval "$1" >out 2>err </dev/null
}
[ "$(tail -n 1 "$folder/finding.txt" | cut -c1-11)" = 'replay     ' ] || wrong 'the folder does not end with its replay'
pasted "$(sed -n 's/^replay  *//p' "$folder/finding.txt")"
[ $? = 1 ] || wrong 'the replay of the folder does not end with 1'
says out 'BUG after'
says out '-- pop --'
cmp -s out "$folder/story.txt" || wrong 'the story of the folder is not what a replay tells'
pasted "$(sed -n 's/^found by  *//p' "$folder/finding.txt") --quiet --findings again" ||
    wrong 'what found it does not find it again'
diff -r found again >diff.out 2>&1 || grep -v '^[<>]' diff.out | grep -qv '^[0-9,c-]*$' && : # times differ
cmp -s "$folder/input.txt" "again/${folder#*/}/input.txt" || wrong 'the same seed found another input'
expect 0 fuzz canary --executions 200000 --quiet --corpus "$corpus" --findings found
says out 'found before'
expect 1 replay --quiet "$folder/keyed.txt"
says out 'O1 one node, two owners'

# --- a program of another name in another place: what is printed works there too
mkdir -p "its place" && cp "$program" "its place/ms's fuzz" || exit 1
"./its place/ms's fuzz" shrink "$folder/input.txt" --out moved.txt >out 2>err
pasted "$(sed -n 's/^replay  *//p' out)"
[ $? = 1 ] || wrong 'what shrink printed cannot be pasted'
says out 'BUG after'

# --- whoever stops reading loses nothing
mkdir unread && mkfifo unread/pipe
"$program" fuzz canary --executions 200000 --corpus "$corpus" --findings unread >unread/pipe 2>err &
pid=$!
: <unread/pipe
wait $pid
[ $? -le 3 ] || wrong 'a hunt dies when nobody reads'
[ -s "unread/${folder#*/}/finding.txt" ] || wrong 'a finding was lost because nobody read on'

# --- the chart stands alone
expect 1 replay --quiet --html chart.html "$folder/minimal.txt"
grep -q '<svg' chart.html || wrong 'the chart has no picture'
! grep -qiE '<script|src=|href=' chart.html || wrong 'the chart asks for something outside of itself'
[ "$(grep -c '<circle' chart.html)" = "$(grep -cE '^ *[0-9]+[> ] ' "$folder/story.txt")" ] ||
    wrong 'the chart has not a mark for each step'
grep -q 'class=arrow' chart.html || wrong 'nobody reads from another in the chart'

# --- shrink
expect 0 shrink "$folder/input.txt"
[ -s "$folder/input.min.txt" ] || wrong 'shrink wrote nothing'
says out "replay $folder/input.min.txt"
cmp -s "$folder/input.min.txt" "$folder/minimal.txt" || wrong 'shrink and the hunt differ'
expect 0 shrink "$folder/input.txt" --out elsewhere.txt
[ -s elsewhere.txt ] || wrong 'shrink does not write where it is told'
rm elsewhere.txt
expect 0 shrink "$folder/input.txt" --out=somewhere.txt --out=elsewhere.txt # the last counts
{ [ -s elsewhere.txt ] && [ ! -e somewhere.txt ]; } || wrong '--out=FILE is not taken'
first=$(find "$corpus/canary/seeds" -name '*.txt' | sort | head -n 1)
expect 4 shrink "$first"
says err 'does not fail'

# --- an engine's file: bytes
expect 0 unpack canary "$first"
mkdir -p one && cp "$folder/input.txt" one/
expect 0 pack canary one bytes
expect 1 replay --target canary bytes/input --quiet
says out 'O1 one node, two owners'

# --- inputs of some length, and how fast they are played
expect 0 pack --least 40 --most 75 waitlist "$corpus/waitlist/seeds" lengths
[ "$(find lengths -type f | wc -l)" -gt 0 ] || wrong 'nothing was packed'
for input in lengths/*; do
    "$program" replay --target waitlist "$input" >out
    steps=$(sed -n 's/.* after \([0-9]*\) steps.*/\1/p' out)
    { [ "${steps:-0}" -ge 40 ] && [ "$steps" -le 75 ]; } || wrong "$input has ${steps:-no} steps"
done
expect 2 pack --least 90 --most 80 waitlist "$corpus/waitlist/seeds" none
says err 'no input of waitlist with so many steps'
expect 2 pack --least many waitlist "$corpus/waitlist/seeds" none
mkdir -p twice/seeds twice/lines && cp "$first" twice/seeds/1.txt && cp "$first" twice/lines/1.txt
expect 0 pack canary twice packed
[ "$(ls packed)" = "$(printf 'lines-1\nseeds-1')" ] || wrong 'files of one name were packed over one another'
expect 2 pack canary "$corpus/waitlist/seeds" none
says err 'no input of canary'
expect 0 speed --times 2 "$corpus/waitlist/seeds"
grep -q '^waitlist  *all  *[0-9]* *[1-9][0-9]* ' out || wrong 'speed tells no executions a second'
expect 2 speed --times 0 "$corpus/waitlist/seeds"
says err '--times takes a number above 0'
expect 2 speed --times 2 --time 1 "$corpus/waitlist/seeds"

# --- the debugger is asked to stop before the step
cat >gdb <<'EOT'
#!/bin/sh
printf '%s\n' "$@" >called
while [ "$1" != --args ]; do shift; done
shift
exec "$@"
EOT
chmod +x gdb
MAPSTORM_GDB=$work/gdb expect 1 replay --gdb --step 5 "$folder/minimal.txt"
grep -qx 'break ms_sim_break' called || wrong 'no breakpoint'
grep -qx 5 called || wrong 'not that step'
MAPSTORM_GDB=$work/gdb expect 2 replay --gdb --step 99 "$folder/minimal.txt"
says err 'there are 15 steps'
expect 2 replay --gdb --step 0 "$folder/minimal.txt"
expect 2 replay --step 5 "$folder/minimal.txt"
says err 'goes with --gdb'
: >none.bytes
expect 2 replay --gdb --target canary none.bytes
says err 'there are 0 steps'
mkfifo unsought || wrong 'no pipe'
cat "$folder/minimal.txt" >unsought &
"$program" replay --quiet unsought >out 2>err
says out 'O1 one node, two owners'
MAPSTORM_GDB=$work/none expect 3 replay --gdb "$folder/minimal.txt"
says err 'cannot be started'
if command -v gdb >/dev/null 2>&1; then
    gdb=$(command -v gdb)
    MAPSTORM_GDB=$gdb expect 0 replay --gdb --step 5 "$folder/minimal.txt"
    cat out err >both
    if ! grep -qiE 'ptrace|not permitted|Cannot' both; then
        grep -q 'canary_fuzz.c' both || wrong 'the debugger does not stand in the code of the step'
    fi
else
    echo 'skipped: gdb is not installed, so only a make-believe one was called'
fi

# --- hunters of later rounds share no physical memory: it would look like a bug
expect 0 fuzz bounds_map --time 2s --jobs 2 --table rounds.txt --quiet --corpus "$corpus" --findings rounds
says rounds.txt clean

# --- a hunt goes on from what it kept, keeps a small set, and several hunt at once
# Of the corpus a few: what is found in so few executions must not depend on how much it shows already.
few="$work/it's few"
mkdir -p "$few/strategies/seeds"
find "$corpus/strategies/seeds" -name '*.txt' | sort | head -n 30 | while IFS= read -r file; do
    cp "$file" "$few/strategies/seeds"
done
expect 0 fuzz strategies --executions 300 --quiet --corpus "$few" --findings kept
count=$(find kept/corpus/strategies -name '*.txt' | wc -l)
[ "$count" -gt 0 ] || wrong 'nothing was kept'
features=$(sed -n 's/.* \([0-9]*\) features.*/\1/p' out)
expect 0 fuzz strategies --executions 100 --quiet --corpus "$few" --findings kept
[ "$(sed -n 's/.* \([0-9]*\) features.*/\1/p' out)" -ge "$features" ] || wrong 'features were lost'
expect 0 fuzz strategies --executions 200 --jobs 2 --corpus "$few" --findings kept
says out 'strategies: '
[ "$(sed -n 's/.* \([0-9]*\) features.*/\1/p' out)" -ge "$features" ] || wrong 'features were lost'
expect 0 fuzz strategies --executions 150 --quiet --fresh --corpus "$few" --findings kept
[ "$(sed -n 's/.* \([0-9]*\) features.*/\1/p' out)" -lt "$features" ] || wrong 'a fresh hunt knows the past'
expect 2 fuzz strategies --executions 5 --fresh --grow
expect 0 corpus kept/corpus/strategies
says out ' 0 wrong'
mkdir -p mine/strategies/regressions mine/strategies/seeds
seed=$(find "$corpus/strategies/seeds" -name '*.txt' | sort | head -n 1)
cp "$seed" mine/strategies/regressions/0001-mine.txt
cp "$seed" mine/strategies/seeds/old.txt
expect 0 fuzz strategies --executions 50 --quiet --grow --corpus mine
[ -s mine/strategies/regressions/0001-mine.txt ] || wrong 'growing took a file that is not a seed'
[ ! -e mine/strategies/seeds/old.txt ] || wrong 'a seed that shows nothing of its own was kept'
[ "$(find mine/strategies/seeds -name '*.txt' | wc -l)" -gt 3 ] || wrong 'the corpus did not grow'
[ "$(ls mine/strategies)" = "$(printf 'regressions\nseeds')" ] || wrong 'growing left something behind'

# --- hunts that share a folder take nothing from each other, and one of another version stays
name=$(find kept/corpus/strategies -name '*.txt' | sort | head -n 1)
cp "$name" away.txt
expect 0 fuzz strategies --executions 100 --quiet --corpus "$few" --findings kept --seed 5
[ -e "$name" ] || wrong 'what was kept went though nothing better came'
"$program" fuzz strategies --time 9000 --quiet --corpus "$few" --findings shared >out 2>err &
pid=$!
hunter_await $pid 100
mkdir -p shared/corpus/strategies && cp away.txt shared/corpus/strategies/0123456789abcdef.txt
kill -INT $pid
wait $pid
[ -e shared/corpus/strategies/0123456789abcdef.txt ] || wrong 'a hunt took what another one kept'
printf 'target strategies\nsetup colour=1\n' >shared/corpus/strategies/old.txt
expect 0 fuzz strategies --executions 200 --quiet --corpus "$few" --findings shared
says err 'by another version of strategies'
[ -e shared/corpus/strategies/old.txt ] || wrong 'an input of another version was thrown away'
mkdir -p shared/corpus/strategies.part && : >shared/corpus/strategies.part/left.txt # somebody was killed
expect 0 fuzz strategies --executions 300 --quiet --corpus "$few" --findings shared
{ [ ! -e shared/corpus/strategies.part ] && [ ! -e shared/corpus/strategies/left.txt ]; } ||
    wrong 'what somebody left half done was taken for whole'

# --- interrupted: what was kept is there; a hunter that dies leaves its input
for ticks in 100 400 1600; do # how soon something new is found is not for us to say
    "$program" fuzz strategies --time 9000 --quiet --corpus "$corpus" --findings stopped >out 2>err &
    pid=$!
    hunter_await $pid $ticks
    kill -INT $pid
    wait $pid
    [ $? = 130 ] || wrong 'an interrupted hunt does not end with 130'
    [ -z "$(find stopped -name '*.txt')" ] || break
done
[ "$(find stopped/corpus/strategies -name '*.txt' | wc -l)" -gt 0 ] || wrong 'interrupted, all was lost'
"$program" fuzz strategies --time 9000 --quiet --corpus "$corpus" --findings died >out 2>err &
pid=$!
hunter_await $pid 50
if [ -n "$hunter" ]; then
    # shellcheck disable=SC2086 # one number
    kill -KILL $hunter
    wait $pid
    [ $? = 1 ] || wrong 'the death of a hunter is no finding'
    says out 'died of signal 9'
    # What it died in may be any input, one that comes to no end within its steps too.
    "$program" replay --quiet died/strategies-*/input.txt >out 2>err
    code=$?
    [ $code = 0 ] || { [ $code = 4 ] && grep -q 'the limit of [0-9]* steps$' out; } ||
        wrong "the input of a hunter that died replays with $code"
else
    kill $pid
    wait $pid
    echo 'skipped: this kernel does not tell the children of a process'
fi

# --- a table says what was done; the same command goes on where it says, even after a kill
# Who is held up for a round, and so kills too late, kills another one.
until grep -q '^waitlist  *0[.]0 ' table 2>/dev/null; do
    rm -rf table tabled
    "$program" fuzz waitlist --time 9000 --quiet --corpus "$corpus" --findings tabled --table table >out 2>err &
    pid=$!
    while runs $pid && ! grep -q '^waitlist' table 2>/dev/null; do sleep 0.1; done
    kill -KILL $pid
    wait $pid 2>/dev/null
    grep -q '^waitlist .* cut short$' table && continue
    wrong 'a killed hunt is not cut short in its table'
    break
done
expect 0 fuzz waitlist --time 2 --quiet --corpus "$corpus" --findings tabled --table table
says table ' clean'
awk '$1 == "waitlist" && $2 >= 2 && $3 > 0 { good = 1 } END { exit !good }' table ||
    wrong 'the table does not say two seconds and executions'
cp table before
expect 0 fuzz waitlist --time 1 --quiet --corpus "$corpus" --findings tabled --table table
says out 'waitlist: already in the table: clean after '
cmp -s table before || wrong 'a table changed though nothing was done'
expect 0 fuzz canary --time 200 --quiet --corpus "$corpus" --table table
says table 'canary '
says table 'waitlist '
! grep -q 'canary .* [1-9][0-9]*  clean' table || wrong 'the planted bug counts as a finding'
sed 's/program [0-9a-f]*/program 1/' before >table
expect 2 fuzz waitlist --time 1 --quiet --table table
says err 'another build'
echo 'waitlist 1 2' >>before
cp before table
expect 2 fuzz waitlist --time 1 --quiet --table table
says err 'table:4: not a line'
cmp -s table before || wrong 'a table that could not be read was written over'
expect 2 fuzz waitlist --time 1 --quiet --table "$first"
says err 'no table of hunts'
expect 2 fuzz waitlist --executions 5 --table new
says err 'by --time'
expect 2 fuzz waitlist --time 1 --quiet --table nowhere/table
says err 'nowhere/table'

# --- bad input is named, and nothing is harmed
expect 2
expect 2 frobnicate
says err "no command is named 'frobnicate'"
expect 2 fuzz nobody
says err "no target is named 'nobody'"
expect 2 fuzz canary --time soon
says err "a time like 90s, 10m or 2h, not 'soon'"
expect 2 fuzz canary --time
says err "'--time' is no option, or its value is missing"
expect 2 fuzz canary --jobs 0
says err '--jobs takes a number from 1'
expect 2 fuzz canary --executions 0
says err '--executions takes at least one'
expect 2 fuzz canary --jobs -3
expect 2 fuzz canary --findings '' --executions 5
says err "'--findings' is no option, or its value is missing"
expect 2 fuzz canary --corpus nowhere
says err 'nowhere'
: >file
expect 2 fuzz canary --corpus file
says err '--corpus takes a folder'
expect 3 fuzz strategies --executions 500 --quiet --corpus "$few" --findings file/below
says err 'file'
expect 2 replay
says err 'which FILE?'
expect 2 replay nothing.txt
says err 'nothing.txt'
expect 2 replay one
says err 'one is a folder'
printf 'target canary\n\000a pop\n' >bad.txt
expect 2 replay bad.txt
says err 'a zero byte'
printf 'target canary\na dance 1\n' >bad.txt
expect 2 replay bad.txt
says err 'bad.txt'
expect 2 replay --step many "$first"
expect 2 replay --target nobody "$first"
expect 3 replay --quiet --html file/below.html "$first"
expect 0 replay --quiet --html /dev/stdout "$first"
says out '<svg'
mkfifo pipe || wrong 'no pipe'
cat pipe >piped &
expect 0 replay --quiet --html pipe "$first"
wait $!
if ! grep -q '<svg' piped || ! [ -p pipe ]; then
    wrong 'what is no file was replaced instead of written'
fi
{ cat "$first" && echo 'visits 12345678'; } >stale.txt
expect 4 replay --quiet stale.txt
says out 'stale: it no longer comes to site 12345678'
expect 4 corpus stale.txt
expect 2 corpus bad.txt
expect 2 corpus nowhere
expect 2 sites more
says err 'it takes nothing'
expect 2 list more
says err "no target is named 'more'"
expect 0 list waitlist
[ "$(grep -c '^[a-z]' out)" = 1 ] || wrong 'more than one target is listed'
expect 2 explore --check --update "$corpus/waitlist/scenarios"
expect 2 explore --max 0 "$corpus/waitlist/scenarios"
expect 2 stop --corpus "$corpus" "$corpus/waitlist/scenarios"
says err '--corpus goes with --table'
expect 2 mutants canary --corpus "$corpus"
expect 2 pairs nowhere
for command in explore stop speed; do
    expect 2 $command nowhere
    says err 'nowhere: No such file'
    expect 2 $command
done
expect 0 stop "$corpus/waitlist/scenarios"
says out 'nobody is held up'
expect 2 explore --cheque "$corpus/waitlist/scenarios"
expect 2 explore --max few "$corpus/waitlist/scenarios"
expect 2 pack canary nowhere bytes
printf 'target canary\nsetup\na pop\nb pop\npreemptions 0\nexplored 2 1\n' >bounded.txt
expect 0 explore --check bounded.txt
says out 'at most 0 interruptions'
printf 'target canary\nsetup\na pop\npreemptions many\n' >bad.txt
expect 2 explore bad.txt
printf 'target canary\n# all explored at once\nsetup\na pop\nexplored 7 7\n' >small.txt
expect 4 explore --check small.txt
expect 0 explore --update small.txt
[ "$(cat small.txt)" = "$(printf 'target canary\n# all explored at once\nsetup\na pop\nexplored 1 1')" ] ||
    wrong 'updating a scenario changed more than its counts'
# No room, however it is said.
said=$(ulimit -f 0 && "$program" shrink "$folder/input.txt" --out small.min.txt 2>&1)
[ $? = 3 ] || wrong 'a file that may not grow is no clean end'
echo "$said" | grep -q 'small.min.txt cannot be written: File too large' || wrong "it says: $said"
# A finding that cannot be kept is told.
mkdir -p taken && : >"taken/${folder#*/}.part"
expect 3 fuzz canary --executions 200000 --quiet --corpus "$corpus" --findings taken
says out 'The finding could not be kept'
says out 'target canary'
for command in fuzz replay shrink list corpus pairs explore stop mutants pack unpack dict sites; do
    expect 0 $command --help
    says out "Usage: "
done
expect 0 --help
says out 'replay'

# --- pairs: what the corpus shows, and what it never did
expect 0 pairs "$corpus"
says out 'never'
grep -qE '^[0-9]+ pairs of .* seen between two actors .*, [0-9]+ never$' out || wrong 'no sum of the pairs'

# --- mutants: the file of survivors is read strictly, told about, and written anew
site=$("$program" sites | sed -n 's, waitlist.c:ms_waitlist_remove load.*,,p' | head -n 1)
[ -n "$site" ] || wrong 'no load in ms_waitlist_remove any more'
{
    echo '# a comment'
    echo '[reason] is given,'
    echo '  at length'
    echo "$site relax [reason] nobody reads this"
} >survivors
cp survivors known
for bad in "$site relax" "$site bend [reason] x" "$site relax [reason] twice" '[reason] again' '[late] reason'; do
    { cat known && echo "$bad"; } >survivors
    expect 2 mutants waitlist --quick --survivors survivors --corpus "$corpus"
    says err 'line 5: wants'
done
{ cat known && echo '00000000 split [missing] x'; } >survivors
expect 1 mutants waitlist --quick --survivors survivors --corpus "$corpus"
says out 'line 5: there is no such site, or nothing to split'
says out 'line 5: there is no reason [missing]'
expect 2 mutants waitlist --quick --corpus "$corpus"
says err '--survivors'
expect 2 mutants waitlist --site 00000000 --corpus "$corpus"
expect 2 mutants nobody --corpus "$corpus"
cp known survivors
expect 1 mutants waitlist --effort 1 --update --survivors survivors --corpus "$corpus"
says survivors '  at length'
says survivors '[open] waitlist'

[ $errors = 0 ] || exit 1
