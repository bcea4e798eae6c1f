/* SPDX-License-Identifier: MIT */
/*
 * test_wdf.h: what the tests of the wdf floor share: the floors below put together, and who watches
 * the rules.
 */
#ifndef MS_WDF_TEST_H
#define MS_WDF_TEST_H

#include "adapter/adapter.h"
#include "platform/test.h"
#include "wdf/object.h"

enum { REPORTS_MAX = 16 };

struct fixture {
    struct ms_memory *memory;
    struct ms_kernel *kernel;
    struct ms_dma *dma;
    struct ms_wdf *wdf;
    DEVICE_OBJECT pdo;
    uint32_t reports;
    struct ms_rule_report report[REPORTS_MAX]; /* the first of them */
};

static inline void fixture_watch(const struct ms_rule_report *report, void *context)
{
    struct fixture *f = context;

    if (f->reports < REPORTS_MAX)
        f->report[f->reports] = *report;
    f->reports++;
}

static inline void fixture_open_with(struct fixture *f, const struct ms_wdf_config *config)
{
    struct ms_memory_config memory = ms_memory_config_default();
    const struct ms_controller_config controllers[] = {ms_controller_legacy(), ms_controller_soc()};
    struct ms_dma_config dma = {
        .strategy = ms_strategy_find("cas-bitmap"),
        .variant = ms_sg_variant_find("scalar"),
        .registers = {16, 64},
        .grants = 32,
        .controllers = controllers,
        .controller_count = 2,
    };

    memset(f, 0, sizeof *f);
    f->memory = ms_memory_create(&memory);
    f->kernel = ms_alloc(sizeof *f->kernel);
    assert_non_null(f->memory);
    assert_non_null(f->kernel);
    ms_kernel_init(f->kernel, NULL, f->memory);
    f->dma = ms_dma_create(f->kernel, f->memory, &dma);
    assert_non_null(f->dma);
    f->wdf = ms_wdf_create(f->kernel, config);
    assert_non_null(f->wdf);
    ms_rules_watch(f->kernel, fixture_watch, f);
    ms_cpu_enter(f->kernel);
}

static inline void fixture_open(struct fixture *f)
{
    struct ms_wdf_config config = {.objects = 256};

    fixture_open_with(f, &config);
}

/* All is taken down; `leaks` objects were left alive, and `reports` came in all before. */
static inline void fixture_close_with(struct fixture *f, uint32_t reports, uint32_t leaks)
{
    assert_int_equal(f->reports, reports);
    ms_wdf_close(f->wdf);
    assert_int_equal(f->reports, reports + leaks);
    assert_int_equal(ms_wdf_objects(f->wdf) != 0, leaks != 0);
    assert_true(ms_dma_audit(f->dma));
    ms_cpu_leave();
    ms_dma_destroy(f->dma);
    ms_wdf_destroy(f->wdf);
    ms_free(f->kernel, sizeof *f->kernel);
    ms_memory_destroy(f->memory);
}

static inline void fixture_close(struct fixture *f)
{
    fixture_close_with(f, 0, 0);
}

/* The last report was about this rule. */
static inline void assert_reported(const struct fixture *f, enum ms_rule rule)
{
    assert_true(f->reports > 0 && f->reports <= REPORTS_MAX);
    if (f->report[f->reports - 1].info->rule != rule)
        fail_msg("reported %s, wanted %s", f->report[f->reports - 1].info->name,
                 ms_rule_info((uint32_t)rule)->name);
}

#endif
