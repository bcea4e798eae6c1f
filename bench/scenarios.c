/* SPDX-License-Identifier: MIT */
/* scenarios.c: the table of scenarios, and what several of them answer alike. */
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

size_t ms_scenario_list_adapters(const struct ms_scenario *s,
                                 const struct ms_adapter_info **adapters)
{
    *adapters = NULL;
    return s->adapters ? s->adapters(adapters) : 0;
}

bool ms_scenario_is_offered(const struct ms_scenario *s, const struct ms_catalog *catalog,
                            const struct ms_cell_key *key)
{
    return !s->offers || s->offers(catalog, key);
}

size_t ms_scenario_list_limits(const struct ms_scenario *s, const struct ms_cell_key *key,
                               const struct ms_contender **limits)
{
    *limits = NULL;
    return s->limits ? s->limits(key, limits) : 0;
}

const char *ms_scenario_refusal(const struct ms_scenario *s, const struct ms_catalog *catalog,
                                const struct ms_contender *contender, const struct ms_cell_key *key)
{
    return s->refuses ? s->refuses(catalog, contender, key) : NULL;
}

bool ms_one_driver_offers(const struct ms_catalog *catalog, const struct ms_cell_key *key)
{
    (void)catalog;
    return key->threads == 1;
}

const char *ms_one_driver_refuses(const struct ms_catalog *catalog,
                                  const struct ms_contender *contender,
                                  const struct ms_cell_key *key)
{
    (void)catalog;
    (void)contender;
    return key->threads == 1 ? NULL : "the scenario has one driver";
}
