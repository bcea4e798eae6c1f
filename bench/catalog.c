/* SPDX-License-Identifier: MIT */
/* catalog.c: collects strategies, controls and layouts once, at the start. */
#include "catalog.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory/memory.h"
#include "registers/registers.h"
#include "requests.h"

enum {
    CATALOG_CONTROLS = 3,
    LAYOUT_BYTES_MAX = 16 << 20,
    LAYOUTS_MAX = 64,
    TRACES_MAX = 16,
    WHOLE_PAGES_MAX = 1024, /* a layout up to here is mapped as a whole */
    WINDOW_PAGES = 16,
    WINDOW_PAGES_LONG = 256,
};

/* A shape that stands for a recorded layout. */
struct recorded {
    struct ms_shape_info info;
    const struct ms_layout *layout;
    char name[72];
    char title[200];
};

/* A shape that stands for recorded requests. */
struct trace {
    struct ms_shape_info info;
    struct ms_requests requests;
    char name[32];
    char title[200];
};

struct ms_catalog {
    struct ms_contender *contenders;
    const struct ms_reg_ops **ops; /* the table of contenders[i] */
    size_t contender_count;
    void **plugins; /* handles of dlopen */
    size_t plugin_count;
    struct ms_layout *layouts;
    size_t layout_count;
    struct recorded *recorded; /* one or two shapes a layout */
    size_t recorded_count;
    struct trace *traces;
    size_t trace_count;
};

extern const struct ms_reg_ops ms_reg_null; /* scenarios/null.c */
extern const struct ms_reg_ops ms_reg_twin; /* the baseline, compiled a second time */

static void contender_add(struct ms_catalog *c, const struct ms_reg_ops *ops, const char *name,
                          const char *title, enum ms_part part)
{
    c->ops[c->contender_count] = ops;
    c->contenders[c->contender_count++] = (struct ms_contender){
        .name = name,
        .title = title,
        .part = part,
        .is_blocking = ops->progress == MS_PROGRESS_BLOCKING,
        .strands = ops->strands,
        .is_default = ops == ms_strategy_default() && part <= MS_PART_BASELINE,
        .run_max = ops->run_max,
    };
}

static bool is_name_plain(const char *name)
{
    size_t length = strlen(name);

    return length > 0 && length < sizeof((struct ms_cell_key *)0)->strategy &&
           strcspn(name, "/:, \t\n") == length;
}

/* Loads a shared object and takes its strategy; nothing of it runs before the number is right. */
static bool plugin_add(struct ms_catalog *c, const char *path, char *why)
{
    const struct ms_reg_ops *ops;
    char resolved[PATH_MAX];
    void *handle;

    if (!realpath(path, resolved)) {
        snprintf(why, MS_WHY_BYTES, "no plug-in at %s: %s", path, strerror(errno));
        return false;
    }
    handle = dlopen(resolved, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        snprintf(why, MS_WHY_BYTES, "cannot load plug-in %s: %s", path, dlerror());
        return false;
    }
    c->plugins[c->plugin_count++] = handle;
    ops = dlsym(handle, MS_PLUGIN_SYMBOL);
    if (!ops) {
        snprintf(why, MS_WHY_BYTES, "plug-in %s exports no %s", path, MS_PLUGIN_SYMBOL);
        return false;
    }
    if (ops->version != MS_REG_OPS_VERSION) {
        snprintf(why, MS_WHY_BYTES,
                 "plug-in %s was built for interface %u, this program has interface %u", path,
                 ops->version, (unsigned)MS_REG_OPS_VERSION);
        return false;
    }
    if (!is_name_plain(ops->name) || ms_catalog_find(c, ops->name)) {
        snprintf(why, MS_WHY_BYTES, "plug-in %s: its name '%.60s' is taken or no plain word", path,
                 ops->name);
        return false;
    }
    contender_add(c, ops, ops->name, ops->summary, MS_PART_STRATEGY);
    c->contenders[c->contender_count - 1].is_plugin = true;
    return true;
}

static bool contenders_collect(struct ms_catalog *c, const struct ms_catalog_config *config,
                               char *why)
{
    const struct ms_reg_ops *baseline = ms_strategy_find(MS_BASELINE_NAME);
    size_t count = 0;

    while (ms_strategies[count])
        count++;
    c->contenders = calloc(count + config->plugin_count + CATALOG_CONTROLS, sizeof *c->contenders);
    c->ops = calloc(count + config->plugin_count + CATALOG_CONTROLS, sizeof *c->ops);
    c->plugins = calloc(config->plugin_count + 1, sizeof *c->plugins);
    if (!c->contenders || !c->ops || !c->plugins || !baseline) {
        snprintf(why, MS_WHY_BYTES, "out of memory");
        return false;
    }

    for (size_t i = 0; i < count; i++)
        contender_add(c, ms_strategies[i], ms_strategies[i]->name, ms_strategies[i]->summary,
                      ms_strategies[i] == baseline ? MS_PART_BASELINE : MS_PART_STRATEGY);
    for (size_t i = 0; i < config->plugin_count; i++)
        if (!plugin_add(c, config->plugins[i], why))
            return false;
    contender_add(c, &ms_reg_null, "null", "control: hands out nothing and does nothing",
                  MS_PART_NULL);
    contender_add(c, &ms_reg_twin, "twin", "control: the baseline compiled a second time",
                  MS_PART_TWIN);
    contender_add(c, baseline, "drag", "control: the baseline doing 5 % more than credited",
                  MS_PART_DRAG);
    return true;
}

/* ---- layouts ----------------------------------------------------------------------------------
 */

/* Reads a whole file; NULL and a sentence on failure. */
static char *text_read(const char *path, size_t *bytes, char *why)
{
    FILE *in = fopen(path, "rb");
    char *text = NULL;

    if (!in) {
        snprintf(why, MS_WHY_BYTES, "cannot open %s: %s", path, strerror(errno));
        return NULL;
    }
    text = malloc(LAYOUT_BYTES_MAX);
    *bytes = text ? fread(text, 1, LAYOUT_BYTES_MAX, in) : 0;
    if (!text || ferror(in) || !feof(in)) {
        snprintf(why, MS_WHY_BYTES, "cannot read %s: %s", path,
                 text && !ferror(in) ? "more than 16 MiB" : strerror(errno));
        free(text);
        text = NULL;
    }
    fclose(in);
    return text;
}

static bool layout_add(struct ms_catalog *c, const char *path, char *why)
{
    char error[MS_WHY_BYTES / 2];
    size_t bytes;
    char *text;
    bool is_read;

    if (c->layout_count == LAYOUTS_MAX) {
        snprintf(why, MS_WHY_BYTES, "more than %d layouts", LAYOUTS_MAX);
        return false;
    }
    text = text_read(path, &bytes, why);
    if (!text)
        return false;
    is_read = ms_layout_read(&c->layouts[c->layout_count], text, bytes, error, sizeof error);
    free(text);
    if (!is_read) {
        snprintf(why, MS_WHY_BYTES, "%s: %s", path, error);
        return false;
    }
    for (size_t i = 0; i < c->layout_count; i++) {
        if (strcmp(c->layouts[i].name, c->layouts[c->layout_count].name) != 0)
            continue;
        snprintf(why, MS_WHY_BYTES, "%s: a layout named %s is there already", path,
                 c->layouts[i].name);
        ms_layout_clear(&c->layouts[c->layout_count]);
        return false;
    }
    c->layout_count++;
    return true;
}

/* ---- traces -----------------------------------------------------------------------------------
 */

static bool ends_with(const char *path, const char *end)
{
    const char *dot = strrchr(path, '.');

    return dot && dot != path && strcmp(dot, end) == 0;
}

/* A shape's name is the file's: what stands between the last / and .requests. */
static bool trace_name(struct ms_catalog *c, const char *path, struct trace *trace, char *why)
{
    const char *slash = strrchr(path, '/');
    const char *stem = slash ? slash + 1 : path;
    size_t length = strlen(stem) - strlen(".requests");

    snprintf(trace->name, sizeof trace->name, "%.*s", (int)length, stem);
    for (size_t i = 0; i < c->trace_count; i++)
        if (strcmp(c->traces[i].name, trace->name) == 0) {
            snprintf(why, MS_WHY_BYTES, "%.160s: a trace named %s is there already", path,
                     trace->name);
            return false;
        }
    if (length >= sizeof trace->name || !is_name_plain(trace->name)) {
        snprintf(why, MS_WHY_BYTES,
                 "%.160s: the file's name is the shape's: at most %zu letters, no blank or colon",
                 path, sizeof trace->name - 1);
        return false;
    }
    return true;
}

static bool trace_add(struct ms_catalog *c, const char *path, char *why)
{
    struct trace *trace = &c->traces[c->trace_count];
    bool is_read;
    size_t bytes;
    char *text;

    if (c->trace_count == TRACES_MAX) {
        snprintf(why, MS_WHY_BYTES, "more than %d traces of requests", TRACES_MAX);
        return false;
    }
    if (!trace_name(c, path, trace, why))
        return false;
    text = text_read(path, &bytes, why);
    if (!text)
        return false;
    is_read = ms_requests_read(&trace->requests, path, text, bytes, why);
    free(text);
    if (!is_read) {
        ms_requests_drop(&trace->requests);
        return false;
    }
    snprintf(trace->title, sizeof trace->title, "recorded: %s",
             trace->requests.title[0] ? trace->requests.title : trace->name);
    trace->info =
        (struct ms_shape_info){.name = trace->name, .title = trace->title, .is_recorded = true};
    c->trace_count++;
    return true;
}

const struct ms_shape_info *ms_catalog_trace(const struct ms_catalog *c, size_t index,
                                             const struct ms_requests **trace)
{
    if (index >= c->trace_count)
        return NULL;
    *trace = &c->traces[index].requests;
    return &c->traces[index].info;
}

/* ---- files and folders ------------------------------------------------------------------------
 */

static int is_recorded_file(const struct dirent *entry)
{
    return ends_with(entry->d_name, ".layout") || ends_with(entry->d_name, ".requests");
}

static bool file_add(struct ms_catalog *c, const char *path, char *why)
{
    return ends_with(path, ".requests") ? trace_add(c, path, why) : layout_add(c, path, why);
}

static bool layouts_add(struct ms_catalog *c, const char *path, char *why)
{
    struct stat info;
    struct dirent **entries;
    bool is_good = true;
    int count;

    if (stat(path, &info) != 0) {
        snprintf(why, MS_WHY_BYTES, "no layout at %s: %s", path, strerror(errno));
        return false;
    }
    if (!S_ISDIR(info.st_mode))
        return file_add(c, path, why);

    count = scandir(path, &entries, is_recorded_file, alphasort);
    for (int i = 0; i < count; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        is_good = is_good && file_add(c, file, why);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return is_good;
}

static void recorded_add(struct ms_catalog *c, const struct ms_layout *layout, uint64_t pages,
                         const char *suffix)
{
    struct recorded *shape = &c->recorded[c->recorded_count++];
    bool is_quick = strcmp(layout->name, "heap-recycled-1m") == 0;

    shape->layout = layout;
    snprintf(shape->name, sizeof shape->name, "%s%s", layout->name, suffix);
    snprintf(shape->title, sizeof shape->title, "recorded: %.150s, %u KiB", layout->source,
             (unsigned)(pages * MS_PAGE_BYTES / 1024));
    shape->info = (struct ms_shape_info){.name = shape->name,
                                         .title = shape->title,
                                         .pages = (uint32_t)pages,
                                         .bytes = pages * MS_PAGE_BYTES,
                                         .is_recorded = true,
                                         .is_quick = is_quick};
}

/* Describes the shapes the layouts stand for. */
static void recorded_describe(struct ms_catalog *c)
{
    for (size_t i = 0; i < c->layout_count; i++) {
        const struct ms_layout *layout = &c->layouts[i];

        if (layout->pages <= WHOLE_PAGES_MAX) {
            recorded_add(c, layout, layout->pages, "");
            continue;
        }
        recorded_add(c, layout, WINDOW_PAGES, "");
        recorded_add(c, layout, WINDOW_PAGES_LONG, "-1m");
    }
}

bool ms_catalog_shipped(char *path, size_t bytes)
{
    /* Built in the tree the program lies in build/<preset>/; installed it lies in bin/. */
    static const char *const places[] = {"../share/mapstorm/layouts", "../../corpus/layouts",
                                         "../../../corpus/layouts"};
    char program[2048];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    char *slash;

    if (length <= 0)
        return false;
    program[length] = '\0';
    slash = strrchr(program, '/');
    if (!slash)
        return false;
    *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(path, bytes, "%s/%s", program, places[i]);
        if (access(path, R_OK | X_OK) == 0)
            return true;
    }
    return false;
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct ms_catalog *ms_catalog_open(const struct ms_catalog_config *config, char *why)
{
    struct ms_catalog *c = calloc(1, sizeof *c);

    if (c) {
        c->layouts = calloc(LAYOUTS_MAX, sizeof *c->layouts);
        c->recorded = calloc(2 * LAYOUTS_MAX, sizeof *c->recorded);
        c->traces = calloc(TRACES_MAX, sizeof *c->traces);
    }
    if (!c || !c->layouts || !c->recorded || !c->traces) {
        snprintf(why, MS_WHY_BYTES, "out of memory");
        goto undo;
    }
    if (!contenders_collect(c, config, why))
        goto undo;
    for (size_t i = 0; i < config->layout_count; i++)
        if (!layouts_add(c, config->layouts[i], why))
            goto undo;
    recorded_describe(c);
    return c;

undo:
    ms_catalog_close(c);
    return NULL;
}

void ms_catalog_close(struct ms_catalog *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->layout_count; i++)
        ms_layout_clear(&c->layouts[i]);
    for (size_t i = 0; i < c->plugin_count; i++)
        dlclose(c->plugins[i]);
    for (size_t i = 0; i < c->trace_count; i++)
        ms_requests_drop(&c->traces[i].requests);
    free(c->traces);
    free(c->plugins);
    free(c->recorded);
    free(c->layouts);
    free(c->ops);
    free(c->contenders);
    free(c);
}

size_t ms_catalog_contenders(const struct ms_catalog *c, const struct ms_contender **all)
{
    *all = c->contenders;
    return c->contender_count;
}

const struct ms_contender *ms_catalog_find(const struct ms_catalog *c, const char *name)
{
    for (size_t i = 0; i < c->contender_count; i++)
        if (strcmp(c->contenders[i].name, name) == 0)
            return &c->contenders[i];
    return NULL;
}

const struct ms_reg_ops *ms_catalog_ops(const struct ms_catalog *c, const char *name)
{
    const struct ms_contender *found = ms_catalog_find(c, name);

    return found ? c->ops[found - c->contenders] : NULL;
}

const struct ms_shape_info *ms_catalog_recorded(const struct ms_catalog *c, size_t index)
{
    return index < c->recorded_count ? &c->recorded[index].info : NULL;
}

const struct ms_layout *ms_catalog_layout(const struct ms_catalog *c, size_t index)
{
    return index < c->recorded_count ? c->recorded[index].layout : NULL;
}
