/* SPDX-License-Identifier: MIT */
/* scenarios.c: the table of scenarios. */
#include "scenario.h"

#include <string.h>

const struct ms_scenario *const ms_scenarios[] = {
#define MS_SCENARIO(identifier) &ms_scenario_##identifier,
#include "scenarios.def"
#undef MS_SCENARIO
    NULL,
};

const struct ms_scenario *ms_scenario_find(const char *name)
{
    for (size_t i = 0; ms_scenarios[i]; i++)
        if (strcmp(ms_scenarios[i]->name, name) == 0)
            return ms_scenarios[i];
    return NULL;
}
