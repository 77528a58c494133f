/* The few system calls that Swift cannot reach through its C library overlay. */
#ifndef HADAL_SYSTEM_H
#define HADAL_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hadal_sandbox.h"

/* Path of the binary image that contains `address`, or NULL. Borrowed from the loader. */
const char *hadal_system_image_path(const void *address);

/* The arguments that the program was started with, its name first and NULL at the end, as the C library has them; NULL where it does not
 * tell. Unlike what is read from /proc they are there in a root without it. */
char *const *hadal_system_arguments(void);

/* dlopen flags that keep a plugin's symbols to itself and make it prefer its own copies. */
int32_t hadal_system_plugin_dlopen_flags(void);

/* Sleeps while *word == expected, until woken. May return early. */
void hadal_system_futex_wait(const uint32_t *word, uint32_t expected);

/* Wakes up to `count` sleepers on `word`. */
void hadal_system_futex_wake(const uint32_t *word, int32_t count);

/* Pins the calling thread to one processor. False when the system refuses. */
bool hadal_system_pin_thread(uint32_t processor);

/* Names the calling thread for debuggers; a name that is too long for the system is cut. */
void hadal_system_name_thread(const char *name);

/* Lowest address of the calling thread's stack and its size in bytes; false where the system does not tell. */
bool hadal_system_stack(uintptr_t *lowest, size_t *size);

/* Opens the file of a descriptor once more, for reads past the page cache: offset, size and memory of each must be multiples of the
 * device's block. -1 where the system or the file system cannot. The caller closes it. */
int32_t hadal_system_open_direct(int32_t descriptor);

/* The process's environment, as programs that it starts are given it. */
char **hadal_system_environment(void);

/* Asks for memory to be brought near, into the second level of caches. Any address will do. */
void hadal_system_prefetch(const void *at, size_t bytes);

/* One processor-relax hint (PAUSE or YIELD) for spin loops. */
void hadal_system_relax(void);

#endif
