/* SPDX-License-Identifier: MIT */
/* guards.c: the guard rails: what would make numbers mean less, said once, with what would help. */
#include "facts.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"

enum { LOOK_MS = 200, PROCESSES_MAX = 4096 };

static const double LOAD_PER_CORE_MAX = 0.3;
static const double SHARED_NOTED = 5.0; /* percent of the time */

static void note_add(struct ms_result *r, enum ms_level level, const char *id, const char *text,
                     const char *help)
{
    struct ms_note *note = ms_result_add_note(r);

    note->level = level;
    note->id = id;
    note->text = text;
    note->help = help;
}

static bool is_fact(const struct ms_result *r, const char *group, const char *name,
                    const char *value)
{
    const char *is = ms_fact_value(r, group, name);

    return is && strcmp(is, value) == 0;
}

static void pause_ms(long ms)
{
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&rest, NULL);
}

/* ---- a busy machine --------------------------------------------------------------------------- */

/* Processor time that everybody used so far, in ticks. */
static bool busy_read(uint64_t *ticks)
{
    uint64_t user, nice_user, system, idle, wait, irq, soft;
    FILE *in = fopen("/proc/stat", "re");
    int got = 0;

    if (!in)
        return false;
    got = fscanf(
        in, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
        &user, &nice_user, &system, &idle, &wait, &irq, &soft);
    fclose(in);
    if (got != 7)
        return false;
    *ticks = user + nice_user + system + irq + soft;
    return true;
}

/* Processors that others keep busy, looked at for a fifth of a second while we sleep. */
static double busy_look(void)
{
    uint64_t before, after;

    if (!busy_read(&before))
        return 0.0;
    pause_ms(LOOK_MS);
    if (!busy_read(&after))
        return 0.0;
    return (double)(after - before) / 100.0 / (LOOK_MS / 1000.0);
}

struct process {
    int pid;
    uint64_t ticks;
    char name[32];
};

static size_t processes_read(struct process *all, size_t room)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    size_t count = 0;

    while (dir && count < room && (entry = readdir(dir))) {
        char path[64], line[512];
        uint64_t user, system;
        const char *open_paren, *close_paren;
        FILE *in;

        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%.20s/stat", entry->d_name);
        in = fopen(path, "re");
        if (!in)
            continue;
        if (!fgets(line, sizeof line, in))
            line[0] = '\0';
        fclose(in);
        open_paren = strchr(line, '(');
        close_paren = strrchr(line, ')');
        if (!open_paren || !close_paren ||
            sscanf(close_paren + 1,
                   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user,
                   &system) != 2)
            continue;
        all[count].pid = atoi(entry->d_name);
        all[count].ticks = user + system;
        snprintf(all[count++].name, sizeof all->name, "%.*s", (int)(close_paren - open_paren - 1),
                 open_paren + 1);
    }
    if (dir)
        closedir(dir);
    return count;
}

/* The command that used most processor time during a fifth of a second. */
static void busiest_find(char *name, size_t bytes)
{
    struct process *before = calloc(PROCESSES_MAX, sizeof *before);
    struct process *after = calloc(PROCESSES_MAX, sizeof *after);
    uint64_t most = 0;

    name[0] = '\0';
    if (before && after) {
        size_t before_count = processes_read(before, PROCESSES_MAX);
        size_t after_count;

        pause_ms(LOOK_MS);
        after_count = processes_read(after, PROCESSES_MAX);
        for (size_t i = 0; i < after_count; i++) {
            uint64_t used = after[i].ticks;

            for (size_t j = 0; j < before_count; j++)
                if (before[j].pid == after[i].pid)
                    used -= before[j].ticks < used ? before[j].ticks : used;
            if (used > most) {
                most = used;
                snprintf(name, bytes, "%s", after[i].name);
            }
        }
    }
    free(before);
    free(after);
}

static void guard_load(struct ms_result *r, const struct ms_topology *t, double wait_seconds)
{
    double limit = LOAD_PER_CORE_MAX * ms_topology_pus(t);
    double load = ms_clock_load();
    uint64_t start = ms_clock_ns();
    double busy;
    char name[64];

    /* The load average forgets slowly: what counts is who runs now. */
    if (load <= limit)
        return;
    busy = busy_look();
    while (busy > limit && (double)(ms_clock_ns() - start) / 1e9 < wait_seconds)
        busy = busy_look();
    if (busy <= limit)
        return;
    busiest_find(name, sizeof name);
    note_add(r, MS_LEVEL_WARNING, "load",
             ms_result_text(r, "other programs keep %.1f of %" PRIu32 " processors busy%s%s", busy,
                            ms_topology_pus(t), name[0] ? ", most of all " : "", name),
             "stop them, or take the run again later");
}

/* ---- the others ------------------------------------------------------------------------------- */

static void guard_build(struct ms_result *r)
{
    bool is_optimized = is_fact(r, "build", "optimised", "yes");

    if (r->run.sanitized)
        note_add(r, MS_LEVEL_REFUSED, "sanitizer",
                 "a sanitizer is compiled in: times say nothing about the real program",
                 "cmake --preset release && cmake --build --preset release");
    else if (r->run.asserts_on || !is_optimized)
        note_add(r, MS_LEVEL_REFUSED, "debug-build",
                 r->run.asserts_on ? "asserts are compiled in: nothing is ranked"
                                   : "compiled without optimisation: nothing is ranked",
                 "cmake --preset release && cmake --build --preset release");
}

static void guard_machine(struct ms_result *r, const struct ms_topology *t)
{
    const char *governor = ms_fact_value(r, "clock", "governor");
    const char *shared = ms_fact_value(r, "processor", "cores shared with others");

    if (is_fact(r, "clock", "fit to measure", "no"))
        note_add(r, MS_LEVEL_REFUSED, "clock",
                 "the clock steps back or is coarser than 100 ns: no time can be believed", NULL);
    if (is_fact(r, "processor", "virtual", "yes"))
        note_add(r, MS_LEVEL_NOTE, "virtual-machine",
                 "virtual machine: ratios hold, absolute times belong to this run only", NULL);
    if (!governor)
        note_add(r, MS_LEVEL_NOTE, "clock-speed",
                 "clock speed and its scaling are not visible here", NULL);
    else if (strcmp(governor, "performance") != 0)
        note_add(r, MS_LEVEL_NOTE, "governor",
                 ms_result_text(r, "the clock governor is %s, not performance", governor),
                 "sudo cpupower frequency-set -g performance");
    if (is_fact(r, "clock", "turbo", "on"))
        note_add(r, MS_LEVEL_NOTE, "turbo", "turbo is on: the clock follows temperature and load",
                 is_fact(r, "clock", "turbo", "on") && governor
                     ? "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost"
                     : NULL);
    if (shared && strtod(shared, NULL) >= SHARED_NOTED)
        note_add(
            r, MS_LEVEL_NOTE, "shared-cores",
            ms_result_text(r,
                           "others use this processor's cores in %s: times are taken from the "
                           "moments between",
                           shared),
            "cores of one's own: no other guests or programs on their second hardware threads");
    if (!ms_usage_is_delay_visible())
        note_add(r, MS_LEVEL_NOTE, "run-queue",
                 "waiting for a processor is not visible: disturbed samples are found by their "
                 "overlap only",
                 NULL);
    if (!ms_topology_is_binding(t))
        note_add(r, MS_LEVEL_NOTE, "binding",
                 "threads cannot be bound to processors: cells are marked unbound", NULL);
    if (ms_topology_pus(t) == 1)
        note_add(r, MS_LEVEL_NOTE, "one-processor",
                 "one processor: nothing with several threads can be ranked", NULL);
}

static void line_of(const char *path, char *text, size_t bytes)
{
    FILE *in = fopen(path, "re");

    text[0] = '\0';
    if (!in)
        return;
    if (!fgets(text, (int)bytes, in))
        text[0] = '\0';
    fclose(in);
    text[strcspn(text, "\n")] = '\0';
}

static void guard_power(struct ms_result *r)
{
    static const char folder[] = "/sys/class/power_supply";
    DIR *dir = opendir(folder);
    struct dirent *entry;
    char text[64];

    while (dir && (entry = readdir(dir))) {
        char path[512];

        snprintf(path, sizeof path, "%s/%s/status", folder, entry->d_name);
        line_of(path, text, sizeof text);
        if (strcmp(text, "Discharging") == 0) {
            note_add(r, MS_LEVEL_WARNING, "battery", "running on battery: the clock may drop",
                     "plug it in");
            break;
        }
    }
    if (dir)
        closedir(dir);
    line_of("/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", text, sizeof text);
    if (text[0] && strcmp(text, "0") != 0)
        note_add(
            r, MS_LEVEL_WARNING, "throttling",
            ms_result_text(r, "the processor was throttled for heat %s times since boot", text),
            "let it cool down");
}

bool ms_guards_check(struct ms_result *r, const struct ms_topology *t, double wait_seconds)
{
    guard_build(r);
    guard_machine(r, t);
    guard_power(r);
    if (is_fact(r, "build", "tree", "not clean"))
        note_add(r, MS_LEVEL_NOTE, "tree", "built from a tree with changes that are not committed",
                 NULL);
    guard_load(r, t, wait_seconds);
    return !is_fact(r, "clock", "fit to measure", "no") &&
           ((!r->run.sanitized && !r->run.asserts_on && is_fact(r, "build", "optimised", "yes")) ||
            r->run.debug_allowed);
}

bool ms_guards_allow_ranking(const struct ms_result *r)
{
    for (size_t i = 0; i < r->note_count; i++)
        if (r->notes[i].level == MS_LEVEL_REFUSED)
            return false;
    return true;
}
