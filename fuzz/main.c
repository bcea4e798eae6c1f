/* SPDX-License-Identifier: MIT */
/*
 * main.c: mapstorm-fuzz: hunt, replay, shrink, prove. No fuzzing engine inside; builds with any
 * compiler. `./mapstorm fuzz` and its kin build this program and become it.
 */
#include "commands.h"

#include <errno.h> /* program_invocation_name */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *does;
    const char *usage; /* what --help says behind the first line */
} commands[] = {
    {"fuzz", command_fuzz, "hunt for bugs, from the corpus on",
     "[TARGET] [OPTION...]\n"
     "Plays mutations of the corpus until a bug is found or the time is over; without a TARGET "
     "each\n"
     "target in turn. What showed something new is merged, made small and kept for the next time. "
     "A\n"
     "bug becomes a folder: the input, its smallest form, the story, and how to replay it.\n\n"
     "  --time 90s|10m|2h  how long for each target (60s unless --executions is given)\n"
     "  --cpu-time         --time is processor time of each hunter, whatever else the machine "
     "does\n"
     "  --executions N     how many executions; same seed, same number: same result\n"
     "  --jobs N           so many at once, sharing what they find (1)\n"
     "  --seed N           where chance begins (1)\n"
     "  --corpus DIR       read inputs from DIR/TARGET (the tree's corpus)\n"
     "  --findings DIR     write findings, and grown inputs below DIR/corpus (findings);\n"
     "                     the planted bug of the canary becomes one only when this is given\n"
     "  --grow             put what is kept into the corpus itself, as its seeds\n"
     "  --fresh            from the corpus alone; what earlier hunts kept is not read, nothing is "
     "kept\n"
     "  --table FILE       keep in FILE, from round to round, what each target came to: time, "
     "executions,\n"
     "                     new features, findings. The same command with the same FILE hunts in "
     "what "
     "is\n"
     "                     left: after a kill, or for more time\n"
     "  --quiet            no progress\n\n"
     "In the source tree, `./mapstorm fuzz --score [PLANT...]` tells whether planted bugs are "
     "found.\n"},
    {"replay", command_replay, "who did what in which order",
     "FILE... [OPTION...]\n"
     "Plays inputs and tells what happened: a table, a column per actor, a row per step.\n\n"
     "  --html OUT     also as a sequence chart, one HTML file (one FILE only)\n"
     "  --gdb          in the debugger, stopped before the last step, or before --step N\n"
     "  --target NAME  FILE is of an engine (libFuzzer, AFL++): bytes, not text\n"
     "  --quiet        the verdict only\n"},
    {"shrink", command_shrink, "the smallest input with the same bug",
     "FILE [--out FILE] [--target NAME]\n"
     "Drops operations, switches and old values while the same bug remains. Writes NAME.min.txt\n"
     "beside FILE unless --out says where, and tells its story.\n"},
    {"list", command_list, "targets, their actors and operations", "[TARGET]\n"},
    {"corpus", command_corpus, "replay a corpus twice; report what fails or is stale",
     "DIR... [--hashes]\n  --hashes   print each file's trace, to compare builds\n"},
    {"pairs", command_pairs, "who reads from whom, and which pairs nobody saw",
     "DIR... [--all] [--unseen FILE] [--schedules N] [--grow]\n"
     "Plays the inputs and lists, for each place in memory that two actors touched, the pairs of\n"
     "(writer, reader) of which no input showed the reader getting the writer's value, though in "
     "some "
     "execution\n"
     "nothing kept the two apart.\n\n"
     "  --all           list the pairs that were seen as well\n"
     "  --unseen FILE   why pairs are not seen; report what has no reason there\n"
     "  --schedules N   under how many other schedules each input is played to find that out "
     "(20)\n"},
    {"explore", command_explore, "every interleaving of small programs",
     "DIR|FILE... [--check] [--update] [--plain] [--max N]\n"
     "  --check    each count must be the one in the file\n"
     "  --update   write the counts into the files\n"
     "  --plain    without partial-order reduction\n"
     "  --max N    give up after N executions (20000000)\n"},
    {"stop", command_stop, "a thread stopped for ever at each of its steps",
     "DIR|FILE... | --table [TARGET] [--corpus DIR]\n"
     "Whether the others finish beside it. --table: all programs, operation by strategy, as "
     "committed\n"
     "in core/STOPPED.md.\n"},
    {"mutants", command_mutants, "each memory order weakened, each update split",
     "[TARGET] [OPTION...]\n"
     "One at a time. Who notices it? First the inputs that come to the place, as they are; then "
     "their\n"
     "programs under other schedules; all interleavings of the scenarios; last a hunt. With a "
     "TARGET "
     "by\n"
     "its inputs alone.\n\n"
     "  --survivors FILE   what is known to survive, and why; report what differs\n"
     "  --update           and write the survivors into FILE, each with the reason it had\n"
     "  --keep             put a small input that shows a mutant into the corpus, as\n"
     "                     TARGET/mutants/SITE-MUTATION.txt\n"
     "  --quick            only those that FILE names, and only by the inputs as they are\n"
     "  --site SITE        only those of `mapstorm-fuzz sites` whose line has this in it; or\n"
     "                     one of several, A|B|C\n"
     "  --effort N         percent of the usual number of steps (100: up to 16 million for a "
     "survivor)\n"
     "  --jobs N           so many at once (1)\n"
     "  --corpus DIR       read inputs from DIR/TARGET (the tree's corpus)\n"},
    {"speed", command_speed, "executions a second, replaying a corpus",
     "DIR... [--time SECONDS]\n"
     "Replays the inputs of each DIR over and over and tells executions a second of processor "
     "time: of\n"
     "all, and of those of 30 to 80 steps.\n\n"
     "  --time SECONDS   for each line (1)\n"
     "  --times N        each input so often instead, once: for valgrind, which counts "
     "instructions\n"},
    {"pack", command_pack, "text files to the bytes engines read",
     "[OPTION...] TARGET DIR OUT\n"
     "  --least STEPS  only those whose execution has so many steps, or more\n"
     "  --most STEPS   or fewer: an engine's speed is stated for about 55\n"},
    {"unpack", command_unpack, "an engine's file as text", "TARGET FILE...\n"},
    {"dict", command_dict, "a target's vocabulary as an engine's dictionary", "TARGET\n"},
    {"sites", command_sites, "all switch points and their identities", "\n"},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void help_print(FILE *out)
{
    fprintf(out,
            "Usage: %s COMMAND [OPTION...]\n"
            "Plays threads of the Windows DMA interface under schedules that are plain data: what\n"
            "is found replays, shrinks and can be stepped through.\n\n",
            program_invocation_name);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].does);
    fprintf(out,
            "\n%s COMMAND --help tells more. Exit codes: 0 clean, 1 a bug, 2 wrong usage,\n"
            "3 not possible here, 4 inconclusive or stale, 130 interrupted.\n",
            program_invocation_name);
}

static bool asks_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "-?") == 0;
}

int main(int argc, char **argv)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(FUZZ_SANITIZED)
    ms_sim_catch_crashes();
#endif
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like a full disk */
    if (argc < 2) {
        help_print(stderr);
        return EXIT_USAGE;
    }
    if (asks_help(argv[1]) || strcmp(argv[1], "help") == 0) {
        help_print(stdout);
        return EXIT_CLEAN;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, argv[1]) != 0)
            continue;
        for (int a = 2; a < argc; a++)
            if (asks_help(argv[a])) {
                printf("Usage: %s %s %s", program_of(commands[i].name), commands[i].name,
                       commands[i].usage);
                return EXIT_CLEAN;
            }
        int code = commands[i].run(argc - 1, argv + 1);
        if (fflush(stdout) != 0 || ferror(stdout)) {
            perror("mapstorm: standard output");
            return EXIT_HERE;
        }
        return code;
    }
    fprintf(stderr, "mapstorm: no command is named '%s'; --help names all\n", argv[1]);
    return EXIT_USAGE;
}
