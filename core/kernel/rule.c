/* SPDX-License-Identifier: MIT */
/*
 * rule.c: reports that a driver broke a rule, to whoever watches the machine.
 */
#include "kernel/kernel.h"

static const struct ms_rule_info infos[] = {
#define MS_RULE(name, code, severity, clauses, text)                                               \
    {MS_RULE_##name, MS_RULE_##severity, #name, clauses, text},
#include "verify/rules.def"
#undef MS_RULE
};

const struct ms_rule_info *ms_rule_info(uint32_t rule)
{
    for (size_t i = 0; i < sizeof infos / sizeof infos[0]; i++)
        if ((uint32_t)infos[i].rule == rule)
            return &infos[i];
    return NULL;
}

void ms_rules_watch(struct ms_kernel *kernel, ms_rule_watch *watch, void *context)
{
    kernel->watch = watch;
    kernel->watch_context = context;
}

uint64_t ms_rules_broken(const struct ms_kernel *kernel)
{
    return ms_load_relaxed(&kernel->rules_broken); /* counter only, nobody decides on it */
}

void ms_rule_break(enum ms_rule rule, uint64_t object, uint64_t state)
{
    struct ms_cpu *cpu = ms_cpu_current();
    struct ms_rule_report report = {
        .info = ms_rule_info((uint32_t)rule), .object = object, .state = state};

    if (!cpu)
        return;
    if (report.info->severity == MS_RULE_VIOLATION)
        ms_fetch_add_relaxed(&cpu->kernel->rules_broken, 1);
    if (cpu->kernel->watch)
        cpu->kernel->watch(&report, cpu->kernel->watch_context);
}
