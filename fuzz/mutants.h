/* SPDX-License-Identifier: MIT */
/*
 * mutants.h: what the table of mutants (mutants.c) and the search for who notices one (mutants_try.c)
 * share.
 */
#ifndef MS_FUZZ_MUTANTS_H
#define MS_FUZZ_MUTANTS_H

#include "commands.h"

enum { MUTANTS_INPUTS_MAX = 8192, MUTANTS_SITES_MAX = 4096 };

/* Who notices a mutant, from cheap to dear; each is tried only when those before saw nothing. */
enum mutant_stage {
    MUTANT_REPLAY,   /* the inputs of the corpus that come to the site, as they are */
    MUTANT_SCHEDULE, /* their programs under other schedules and with old values, aimed at the site */
    MUTANT_EXPLORE, /* every interleaving of the scenarios that come to it */
    MUTANT_HUNT,    /* a hunt that begins with them */
};

/* An input of the corpus. */
struct mutant_input {
    const struct fuzz_target *target;
    struct fuzz_input input;
    uint32_t steps;
    uint32_t states;   /* of a scenario: the final states its file says; 0: none said */
    bool is_scenario;  /* all its interleavings are to be explored */
    bool is_clean;     /* it ends, and nothing is found */
    uint8_t *comes_to; /* [site] */
};

struct mutants {
    struct mutant_input *input;
    uint32_t count;
    uint32_t sites;
    uint8_t *memory; /* what `comes_to` points into */
    size_t memory_bytes;
};

/* What is spent on one mutant, in steps of the simulator, so that it is the same on every machine. */
struct mutant_effort {
    uint64_t schedule, explore, hunt; /* 0: that stage is left out */
};

struct mutant_verdict {
    bool is_killed;
    bool is_reached; /* an input comes there */
    bool is_own; /* the input that shows it fails without the mutant as well: a bug of the code */
    enum mutant_stage stage;
    char how[180];
    const struct fuzz_target
        *target; /* of the input that shows it, when it is not the corpus's; else NULL */
    struct fuzz_input input;
};

/* Reads and plays the corpus: of all targets with several actors, or of `only`. False after having said
 * why not. */
bool mutants_corpus(struct mutants *m, const char *root, const struct fuzz_target *only);
void mutants_corpus_free(struct mutants *m);
/* An index into the sites, or `m->sites` when there is none with that id. */
uint32_t mutants_site(const struct mutants *m, uint32_t id);
bool mutants_comes_to(const struct mutants *m, uint32_t site);
/* Looks for somebody who notices. A mutant may end the process or never come back: call it in one that
 * may be lost. */
void mutant_try(const struct mutants *m, uint32_t site, enum ms_sim_mutation mutation,
                const struct mutant_effort *effort, struct mutant_verdict *verdict);

#endif
