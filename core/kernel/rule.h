/* SPDX-License-Identifier: MIT */
/*
 * rule.h: the second kind of wrong: the driver. Whoever finds that a driver broke a rule calls
 * ms_rule_break with the rule, the object and its state, and then takes the documented way out
 * (FTL-01): a report never changes a result. Who watches is up to the machine's owner; nobody need.
 *
 * The rules stand in verify/rules.def, one line each.
 */
#ifndef MS_RULE_H
#define MS_RULE_H

#include <stdint.h>

struct ms_kernel;

enum ms_rule_severity {
    MS_RULE_VIOLATION, /* the contract forbids it */
    MS_RULE_NOTE,      /* legal or harmless, and probably a mistake */
};

enum ms_rule {
#define MS_RULE(name, code, severity, clauses, text) MS_RULE_##name = code,
#include "verify/rules.def"
#undef MS_RULE
};

struct ms_rule_info {
    enum ms_rule rule; /* its number */
    enum ms_rule_severity severity;
    const char *name;    /* as in rules.def */
    const char *clauses; /* of the contract */
    const char *text;    /* what the driver did */
};

struct ms_rule_report {
    const struct ms_rule_info *info;
    uint64_t object; /* the handle or address it was about; 0: none */
    uint64_t state;  /* the object's state, as its floor numbers states */
};

/* Called on the thread that broke the rule, at its IRQL, inside the call that broke it; any number of
 * threads at once. May not call back into the interface. */
typedef void ms_rule_watch(const struct ms_rule_report *report, void *context);

/* What the number means; NULL: there is no such rule. */
const struct ms_rule_info *ms_rule_info(uint32_t rule);

/* Who is told; NULL: nobody. While no other thread is in the machine. */
void ms_rules_watch(struct ms_kernel *kernel, ms_rule_watch *watch, void *context);
/* Violations so far. */
uint64_t ms_rules_broken(const struct ms_kernel *kernel);

/* The driver on the calling thread broke `rule`. Wait-free but for what the watcher does; nothing
 * on a thread that is in no machine. */
void ms_rule_break(enum ms_rule rule, uint64_t object, uint64_t state);

#endif
