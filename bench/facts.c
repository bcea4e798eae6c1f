/* SPDX-License-Identifier: MIT */
/* facts.c: reads what the kernel shows about this machine and what the compiler left in us. */
#include "facts.h"

#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <gsl/gsl_version.h>
#include <hwloc.h>
#include <inttypes.h>
#include <jansson.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "calm.h"
#include "clock.h"
#include "commit.h"
#include "gbench.h"
#include "platform/check.h"
#include "scenario.h"

#if defined(__clang__)
#define COMPILER_NAME    "clang"
#define COMPILER_VERSION __clang_version__
#elif defined(__GNUC__)
#define COMPILER_NAME    "gcc"
#define COMPILER_VERSION __VERSION__
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

#ifdef __OPTIMIZE__
#define IS_OPTIMIZED true
#else
#define IS_OPTIMIZED false
#endif

enum { TEXT_BYTES = 512 };

static void fact_add(struct ms_result *r, const char *group, const char *name, const char *value,
                     const char *source)
{
    struct ms_fact *fact = ms_result_add_fact(r);

    fact->group = group;
    fact->name = name;
    fact->value = value && value[0] ? ms_result_copy(r, value) : NULL;
    fact->source = source;
}

__attribute__((format(printf, 5, 6))) static void fact_say(struct ms_result *r, const char *group,
                                                           const char *name, const char *source,
                                                           const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fact_add(r, group, name, text, source);
}

const char *ms_fact_value(const struct ms_result *r, const char *group, const char *name)
{
    for (size_t i = 0; i < r->fact_count; i++)
        if (strcmp(r->facts[i].group, group) == 0 && strcmp(r->facts[i].name, name) == 0)
            return r->facts[i].value;
    return NULL;
}

/* The first line of a file without blanks around it; empty when it cannot be read. */
static void line_read(const char *path, char *text, size_t bytes)
{
    FILE *in = fopen(path, "re");

    text[0] = '\0';
    if (!in)
        return;
    if (!fgets(text, (int)bytes, in))
        text[0] = '\0';
    fclose(in);
    for (size_t n = strlen(text); n > 0 && isspace((unsigned char)text[n - 1]); n--)
        text[n - 1] = '\0';
}

/* A fact that is the first line of a file. */
static void fact_from(struct ms_result *r, const char *group, const char *name, const char *path)
{
    char text[TEXT_BYTES];

    line_read(path, text, sizeof text);
    fact_add(r, group, name, text, path);
}

/* ---- processor -------------------------------------------------------------------------------- */

/* The value of the first line of /proc/cpuinfo that begins with `what`. */
static void cpuinfo_read(const char *what, char *text, size_t bytes)
{
    FILE *in = fopen("/proc/cpuinfo", "re");
    char line[8192];

    text[0] = '\0';
    while (in && fgets(line, sizeof line, in)) {
        char *colon = strchr(line, ':');
        size_t length = strlen(what);

        if (!colon || strncmp(line, what, length) != 0 ||
            (line[length] != '\t' && line[length] != ' '))
            continue;
        colon += strspn(colon + 1, " ") + 1;
        colon[strcspn(colon, "\n")] = '\0';
        snprintf(text, bytes, "%s", colon);
        break;
    }
    if (in)
        fclose(in);
}

static void caches_read(char *text, size_t bytes)
{
    text[0] = '\0';
    for (int i = 0; i < 8; i++) {
        char path[128], level[16], type[32], size[32];
        size_t used = strlen(text);

        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/level", i);
        line_read(path, level, sizeof level);
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/type", i);
        line_read(path, type, sizeof type);
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", i);
        line_read(path, size, sizeof size);
        if (!level[0] || !size[0] || used + 80 > bytes)
            return;
        snprintf(text + used, bytes - used, "%sL%s%s %s", used ? ", " : "", level,
                 type[0] == 'D'   ? "d"
                 : type[0] == 'I' ? "i"
                                  : "",
                 size);
    }
}

/* "17 known, none vulnerable" or the names of those that are. */
static void mitigations_read(char *text, size_t bytes)
{
    static const char folder[] = "/sys/devices/system/cpu/vulnerabilities";
    DIR *dir = opendir(folder);
    char open_ones[TEXT_BYTES / 2] = "";
    struct dirent *entry;
    unsigned known = 0;

    text[0] = '\0';
    while (dir && (entry = readdir(dir))) {
        char path[512], state[128];
        size_t used = strlen(open_ones);

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        line_read(path, state, sizeof state);
        known += state[0] != '\0';
        if (strncmp(state, "Vulnerable", 10) == 0 && used + 64 < sizeof open_ones)
            snprintf(open_ones + used, sizeof open_ones - used, "%s%.40s", used ? ", " : "",
                     entry->d_name);
    }
    if (dir)
        closedir(dir);
    if (known > 0)
        snprintf(text, bytes, "%u known, %s%s", known, open_ones[0] ? "open: " : "none open",
                 open_ones);
}

static void processor_add(struct ms_result *r, const struct ms_topology *t)
{
    static const struct {
        const char *fact, *line;
    } row[] = {{"model", "model name"},
               {"family", "cpu family"},
               {"model number", "model"},
               {"stepping", "stepping"},
               {"microcode", "microcode"}};
    char text[8192];

    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        cpuinfo_read(row[i].line, text, sizeof text);
        fact_add(r, "processor", row[i].fact, text, "/proc/cpuinfo");
    }
    fact_say(r, "processor", "usable threads", "hwloc, affinity and cgroup", "%" PRIu32,
             ms_topology_pus(t));
    fact_say(r, "processor", "usable cores", "hwloc", "%" PRIu32, ms_topology_cores(t));
    fact_say(r, "processor", "packages", "hwloc", "%" PRIu32, ms_topology_packages(t));
    fact_say(r, "processor", "NUMA nodes", "hwloc", "%" PRIu32, ms_topology_nodes(t));
    ms_topology_describe(t, text, sizeof text);
    fact_add(r, "processor", "topology", text, "hwloc");
    caches_read(text, sizeof text);
    fact_add(r, "processor", "caches", text, "/sys/devices/system/cpu/cpu0/cache");
    cpuinfo_read("flags", text, sizeof text);
    fact_add(r, "processor", "virtual",
             !text[0]                      ? NULL
             : strstr(text, " hypervisor") ? "yes"
                                           : "no",
             "CPUID hypervisor bit in /proc/cpuinfo");
    fact_say(r, "processor", "cores shared with others", "calm.h, measured for some 20 ms",
             "%.0f %% of the time", 100.0 * ms_calm_survey());
    mitigations_read(text, sizeof text);
    fact_add(r, "processor", "mitigations", text, "/sys/devices/system/cpu/vulnerabilities");
}

/* ---- the rest of the machine ------------------------------------------------------------------ */

static void clock_add(struct ms_result *r)
{
    struct ms_clock_check check;
    char low[64], high[64], text[TEXT_BYTES];

    ms_clock_examine(&check);
    fact_from(r, "clock", "source",
              "/sys/devices/system/clocksource/clocksource0/current_clocksource");
    fact_say(r, "clock", "step", "measured", "%" PRIu32 " ns", check.step_ns);
    fact_say(r, "clock", "cost of a reading", "measured", "%" PRIu32 " ns", check.read_ns);
    fact_add(r, "clock", "fit to measure", check.is_monotonic && check.is_fine ? "yes" : "no",
             "measured");
    fact_from(r, "clock", "governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    line_read("/sys/devices/system/cpu/intel_pstate/no_turbo", text, sizeof text);
    if (text[0]) {
        fact_add(r, "clock", "turbo", text[0] == '0' ? "on" : "off",
                 "/sys/devices/system/cpu/intel_pstate/no_turbo");
    } else {
        line_read("/sys/devices/system/cpu/cpufreq/boost", text, sizeof text);
        fact_add(r, "clock", "turbo",
                 !text[0]         ? NULL
                 : text[0] == '1' ? "on"
                                  : "off",
                 "/sys/devices/system/cpu/cpufreq/boost");
    }
    line_read("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_min_freq", low, sizeof low);
    line_read("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", high, sizeof high);
    snprintf(text, sizeof text, "%s to %s kHz", low, high);
    fact_add(r, "clock", "frequency range", low[0] && high[0] ? text : NULL,
             "/sys/devices/system/cpu/cpu0/cpufreq");
}

/* What is in [brackets] of a list of choices. */
static void choice_add(struct ms_result *r, const char *group, const char *name, const char *path)
{
    char text[TEXT_BYTES];
    char *open_bracket, *close_bracket;

    line_read(path, text, sizeof text);
    open_bracket = strchr(text, '[');
    close_bracket = open_bracket ? strchr(open_bracket, ']') : NULL;
    if (close_bracket)
        *close_bracket = '\0';
    fact_add(r, group, name, close_bracket ? open_bracket + 1 : text, path);
}

static void system_add(struct ms_result *r)
{
    struct utsname name;
    long pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);

    if (uname(&name) == 0)
        fact_say(r, "system", "kernel", "uname", "%s %s", name.sysname, name.release);
    fact_from(r, "system", "address randomisation", "/proc/sys/kernel/randomize_va_space");
    if (pages > 0 && page > 0)
        fact_say(r, "memory", "size", "sysconf", "%.1f GiB",
                 (double)pages * (double)page / 1073741824.0);
    choice_add(r, "memory", "transparent huge pages",
               "/sys/kernel/mm/transparent_hugepage/enabled");
    fact_say(r, "system", "load at start", "getloadavg", "%.2f", ms_clock_load());
    fact_add(r, "system", "run-queue delay", ms_usage_is_delay_visible() ? "visible" : NULL,
             "/proc/thread-self/schedstat");
}

/* ---- the program ------------------------------------------------------------------------------ */

struct build_id {
    char text[64];
};

/* Looks for the build id note of the main program, which is the first object. */
static int build_id_find(struct dl_phdr_info *info, size_t size, void *context)
{
    struct build_id *id = context;

    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        const unsigned char *at = (const unsigned char *)(info->dlpi_addr + segment->p_vaddr);
        const unsigned char *end = at + segment->p_memsz;

        while (segment->p_type == PT_NOTE && at + sizeof(ElfW(Nhdr)) <= end) {
            ElfW(Nhdr) note;

            memcpy(&note, at, sizeof note);
            at += sizeof note + (note.n_namesz + 3) / 4 * 4;
            if (note.n_type == NT_GNU_BUILD_ID && at + note.n_descsz <= end) {
                for (unsigned k = 0; k < note.n_descsz && k < 20; k++)
                    snprintf(id->text + 2 * k, sizeof id->text - 2 * k, "%02x", at[k]);
                return 1;
            }
            at += (note.n_descsz + 3) / 4 * 4;
        }
    }
    return 1;
}

static void build_add(struct ms_result *r)
{
    struct build_id id = {""};
    unsigned version = hwloc_get_api_version();

    dl_iterate_phdr(build_id_find, &id);
    fact_say(r, "build", "compiler", "compiled in", "%s %s", COMPILER_NAME, COMPILER_VERSION);
    fact_add(r, "build", "flags", MS_BUILD_FLAGS, "compiled in");
    fact_add(r, "build", "type", MS_BUILD_TYPE, "compiled in");
    fact_add(r, "build", "asserts", MS_ASSERTS_ON ? "on" : "off", "compiled in");
    fact_add(r, "build", "optimised", IS_OPTIMIZED ? "yes" : "no", "compiled in");
    fact_add(r, "build", "sanitizer", IS_SANITIZED ? "yes" : "no", "compiled in");
    fact_add(r, "build", "link-time optimisation", "off", "compiled in");
    fact_add(r, "build", "commit", MS_COMMIT, "compiled in");
    fact_add(r, "build", "tree",
             !MS_COMMIT[0]   ? NULL
             : MS_TREE_CLEAN ? "clean"
                             : "not clean",
             "compiled in");
    fact_add(r, "build", "build id", id.text, "the program's own note");
    fact_say(r, "build", "hwloc", "run time", "%u.%u.%u", version >> 16, version >> 8 & 255,
             version & 255);
    fact_add(r, "build", "jansson", jansson_version_str(), "run time");
    fact_add(r, "build", "gsl", gsl_version, "run time");
    fact_add(r, "build", "Google Benchmark", ms_gbench_version(), "compiled in");
}

/* ---- the run ---------------------------------------------------------------------------------- */

void ms_host_name(char *name, size_t bytes, bool is_anonymous)
{
    snprintf(name, bytes, "host");
    if (is_anonymous || gethostname(name, bytes) != 0)
        return;
    name[bytes - 1] = '\0';
    name[strcspn(name, ".")] = '\0';
    for (char *at = name; *at; at++)
        if (!isalnum((unsigned char)*at) && *at != '-' && *at != '_')
            *at = '-';
    if (!name[0])
        snprintf(name, bytes, "host");
}

/* Two different 64-bit digests of the same text make 128 bits: enough to tell machines apart. */
static void digest_add(uint64_t digest[2], const char *text)
{
    for (const char *at = text ? text : "?";; at++) {
        digest[0] = (digest[0] ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
        digest[1] = (digest[1] + (unsigned char)*at) * UINT64_C(0x9e3779b97f4a7c15);
        digest[1] ^= digest[1] >> 29;
        if (!*at)
            return;
    }
}

static const char *key_make(struct ms_result *r)
{
    uint64_t digest[2] = {UINT64_C(0xcbf29ce484222325), 0};
    static const char *const parts[][2] = {
        {"processor", "model"}, {"processor", "usable threads"},
        {"system", "kernel"},   {"build", "compiler"},
        {"build", "flags"},
    };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        digest_add(digest, ms_fact_value(r, parts[i][0], parts[i][1]));
    digest_add(digest, MS_VERSION);
    for (size_t i = 0; ms_scenarios[i]; i++) {
        char version[64];

        snprintf(version, sizeof version, "%s %u", ms_scenarios[i]->name, ms_scenarios[i]->version);
        digest_add(digest, version);
    }
    return ms_result_text(r, "%016" PRIx64 "%016" PRIx64, digest[0], digest[1]);
}

static void run_fill(struct ms_result *r, const struct ms_topology *t,
                     const struct ms_facts_config *config)
{
    const char *model = ms_fact_value(r, "processor", "model");
    const char *virtual = ms_fact_value(r, "processor", "virtual");
    time_t now = (time_t)ms_clock_epoch();
    struct tm utc;
    char text[64] = "";
    char host[128];

    if (gmtime_r(&now, &utc))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    ms_host_name(host, sizeof host, false);
    r->run.version = MS_VERSION;
    r->run.commit = MS_COMMIT[0] ? MS_COMMIT : NULL;
    r->run.tree_clean = MS_TREE_CLEAN;
    r->run.started = ms_result_copy(r, text);
    r->run.host = config->is_anonymous ? NULL : ms_result_copy(r, host);
    r->run.cores = ms_topology_pus(t);
    r->run.machine = ms_result_text(r, "%" PRIu32 " core%s%s, %s", ms_topology_cores(t),
                                    ms_topology_cores(t) == 1 ? "" : "s",
                                    virtual && strcmp(virtual, "yes") == 0 ? ", virtual" : "",
                                    model ? model : "unknown processor");
    r->run.command = ms_result_copy(r, config->command);
    r->run.seed = config->seed;
    r->run.build = ms_result_text(r, "%s %s, %s (%s)", COMPILER_NAME, COMPILER_VERSION,
                                  MS_BUILD_TYPE, MS_BUILD_FLAGS);
    r->run.asserts_on = MS_ASSERTS_ON;
    r->run.sanitized = IS_SANITIZED;
    r->run.debug_allowed = config->allow_debug;
    r->run.comparison_key = key_make(r);
}

void ms_facts_collect(struct ms_result *r, const struct ms_topology *t,
                      const struct ms_facts_config *config)
{
    processor_add(r, t);
    clock_add(r);
    system_add(r);
    build_add(r);
    fact_say(r, "run", "seed", "command line", "%" PRIu64, config->seed);
    fact_add(r, "run", "command", config->command, "command line");
    run_fill(r, t, config);
}

void ms_facts_finish(struct ms_result *r, double stolen_seconds)
{
    fact_say(r, "system", "load at end", "getloadavg", "%.2f", ms_clock_load());
    fact_say(r, "system", "time stolen while measuring", "/proc/stat", "%.2f s", stolen_seconds);
}
