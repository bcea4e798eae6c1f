/* SPDX-License-Identifier: MIT */
/*
 * strategies.c: the list of strategies, made from strategies.def.
 */
#include "registers/registers.h"

#include <string.h>

#define MS_STRATEGY(identifier, text) &ms_reg_##identifier,
const struct ms_reg_ops *const ms_strategies[] = {
#include "registers/strategies.def"
    NULL,
};
#undef MS_STRATEGY

const struct ms_reg_ops *ms_strategy_find(const char *name)
{
    for (uint32_t i = 0; ms_strategies[i] != NULL; i++)
        if (strcmp(ms_strategies[i]->name, name) == 0)
            return ms_strategies[i];
    return NULL;
}

const struct ms_reg_ops *ms_strategy_default(void)
{
    return &ms_reg_extent_lease;
}
