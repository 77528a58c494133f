/* System calls with which a process takes rights from itself. None of it can be taken back. */
#ifndef HADAL_SANDBOX_H
#define HADAL_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

/* One system call by its number. Its result, or the negated error number; -ENOSYS where the system has no such numbers. */
intptr_t hadal_sandbox_call(intptr_t number, intptr_t a, intptr_t b, intptr_t c, intptr_t d, intptr_t e, intptr_t f);

/* Has the kernel judge every later system call of every thread by a filter: `count` instructions of classic BPF, each the eight bytes of a
 * struct sock_filter. Takes from the process the right to gain privileges by starting programs, without which the kernel demands privileges
 * for this. 0, or the negated error number; the id of a thread that cannot be given the filter, as it has another one, and then none has it. */
int32_t hadal_sandbox_set_filter(const uint64_t *instructions, uint16_t count);

/* Makes a harmless call by the 32-bit ABI of the processor in a child process. 0 when it worked, its error number when it did not, -1 where
 * the kernel lacks that ABI, -2 when no child could be started. */
int32_t hadal_sandbox_try_32_bit_call(void);

/* Keeps the process's memory out of core files, and from other processes of the user. 0, or the negated error number. */
int32_t hadal_sandbox_forbid_dumps(void);

/* Version of the kernel's Landlock interface; the negated error number where it has none. */
int32_t hadal_sandbox_landlock_version(void);

/* A descriptor of a new rule set that handles `rights` (LANDLOCK_ACCESS_FS_…): what no rule allows is forbidden. Or the negated error number. */
int32_t hadal_sandbox_landlock_create(uint64_t rights);

/* Allows `rights` below a directory, or on a file, that is open. 0, or the negated error number. */
int32_t hadal_sandbox_landlock_allow(int32_t rules, int32_t file, uint64_t rights);

/* Puts the calling thread, and those that it starts from now on, under the rules; with `all_threads` every thread, which needs version 8.
 * 0, or the negated error number. */
int32_t hadal_sandbox_landlock_enforce(int32_t rules, bool all_threads);

#endif
