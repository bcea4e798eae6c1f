/* SPDX-License-Identifier: MIT */
/*
 * apart.c: work in a process of its own.
 *
 * Idea        a target makes its physical memory once and keeps it, and a fork shares it with its parent: two
 *             hunters would write to the same pages. So who forks hunters plays nothing itself; what it
 *             must know of a play, a child finds out and leaves in memory that both see.
 */
#include "commands.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

void *shared_map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

bool work_apart(void (*work)(void *context), void *context)
{
    int status = 0;

    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        work(context);
        fflush(NULL);
        _exit(0);
    }
    if (child < 0) {
        fprintf(stderr, "mapstorm: no process to play in: %s\n", strerror(errno));
        return false;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (status != 0)
        fprintf(stderr, "mapstorm: a process that played inputs %s %d\n",
                WIFSIGNALED(status) ? "died of signal" : "ended with",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return status == 0;
}
