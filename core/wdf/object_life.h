/* SPDX-License-Identifier: MIT */
/*
 * object_life.h: an object's life in one word, and its steps as pure functions. Private to the floor.
 */
#ifndef MS_OBJECT_LIFE_H
#define MS_OBJECT_LIFE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

enum { LIFE_HOLDS_MAX = (1 << 16) - 1, LIFE_REFERENCES_MAX = (1 << 15) - 1 };

/* Alive while `holds` or `references` is not 0; a handle names the object while `deleted` is 0. */
union ms_life {
    struct {
        uint64_t generation : 32; /* +1 per life: an old handle never matches */
        uint64_t holds : 16;      /* the framework's references; one of them is being undeleted */
        uint64_t references : 15; /* the driver's (OBJ-06) */
        uint64_t deleted : 1;
    };
    uint64_t raw;
};
static_assert(sizeof(union ms_life) == sizeof(uint64_t), "an object's life must fit one CAS");

typedef bool ms_life_step(union ms_life *life, uint32_t generation);

static inline bool life_is_alive(union ms_life life, uint32_t generation)
{
    return life.generation == generation && (life.holds != 0 || life.references != 0);
}

/* The framework takes a reference by a handle: only before the deletion. */
static inline bool life_take(union ms_life *life, uint32_t generation)
{
    if (!life_is_alive(*life, generation) || life->deleted || life->holds == LIFE_HOLDS_MAX)
        return false;
    life->holds++;
    return true;
}

/* The same by one who has a reference already: also after it. */
static inline bool life_hold(union ms_life *life, uint32_t generation)
{
    if (!life_is_alive(*life, generation) || life->holds == LIFE_HOLDS_MAX)
        return false;
    life->holds++;
    return true;
}

static inline bool life_drop(union ms_life *life, uint32_t generation)
{
    if (life->generation != generation || life->holds == 0)
        return false;
    life->holds--;
    return true;
}

/* The driver's own references: by handle, also when it is deleted already (OBJ-06). */
static inline bool life_reference(union ms_life *life, uint32_t generation)
{
    if (!life_is_alive(*life, generation) || life->references == LIFE_REFERENCES_MAX)
        return false;
    life->references++;
    return true;
}

static inline bool life_dereference(union ms_life *life, uint32_t generation)
{
    if (life->generation != generation || life->references == 0)
        return false;
    life->references--;
    return true;
}

/* Who makes this step deletes the object; once per life (OBJ-04). */
static inline bool life_delete(union ms_life *life, uint32_t generation)
{
    if (!life_is_alive(*life, generation) || life->deleted)
        return false;
    life->deleted = 1;
    return true;
}

#endif
