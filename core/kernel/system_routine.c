/* SPDX-License-Identifier: MIT */
/*
 * system_routine.c: routines that a driver looks up by name, because older systems lack them. Of this floor
 * and those that came late; a driver calls all others as they are.
 */
#include "kernel/kernel.h"

#include <string.h>

struct system_routine {
    const char *name;
    void (*routine)(void);
};

static const struct system_routine system_routines[] = {
    {"MmMapIoSpaceEx", (void (*)(void))MmMapIoSpaceEx},
    {"KeQueryPerformanceCounter", (void (*)(void))KeQueryPerformanceCounter},
    {"KeFlushQueuedDpcs", (void (*)(void))KeFlushQueuedDpcs},
};

/* Names are compared as they stand: the system's are case-sensitive. */
static bool is_named(const UNICODE_STRING *asked, const char *name)
{
    size_t length = strlen(name);

    if (asked->Length != length * sizeof(WCHAR))
        return false;
    for (size_t i = 0; i < length; i++)
        if (asked->Buffer[i] != (WCHAR)name[i])
            return false;
    return true;
}

PVOID MmGetSystemRoutineAddress(PUNICODE_STRING SystemRoutineName)
{
    PVOID address = NULL;

    for (size_t i = 0; i < sizeof system_routines / sizeof system_routines[0]; i++)
        if (is_named(SystemRoutineName, system_routines[i].name))
            memcpy(&address, &system_routines[i].routine, sizeof address);
    return address;
}
