/* Counts heap allocations of the whole process and of each thread, for tests. */
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

/* Starts counting in every library that is loaded now. Call it again after loading more, plugins included.
 * False where the platform is not supported: counts then stay 0. */
bool allocation_counter_watch(void);

/* Allocations (malloc, calloc, realloc and relatives) since the first watch, by all threads. */
uint64_t allocation_counter_total(void);

/* The same by the calling thread. */
uint64_t allocation_counter_thread(void);

/* Writes the call stacks of the next `count` allocations, by any thread, to standard error. */
void allocation_counter_report(uint32_t count);

#endif
