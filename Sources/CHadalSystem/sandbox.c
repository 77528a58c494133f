#define _GNU_SOURCE
#include "hadal_sandbox.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* Landlock is younger than the headers of some systems that Hadal is built on; its numbers are the same on all processors. */
#define CALL_CREATE_RULESET 444
#define CALL_ADD_RULE 445
#define CALL_RESTRICT_SELF 446
#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH 1
#define RESTRICT_ALL_THREADS 8u

static int32_t status(long result) { return result < 0 ? -errno : (int32_t)result; }

intptr_t hadal_sandbox_call(intptr_t number, intptr_t a, intptr_t b, intptr_t c, intptr_t d, intptr_t e, intptr_t f) {
    long result = syscall(number, a, b, c, d, e, f);
    return result == -1 ? -errno : result;
}

int32_t hadal_sandbox_set_filter(const uint64_t *instructions, uint16_t count) {
    struct sock_fprog program = {.len = count, .filter = (struct sock_filter *)instructions};
    _Static_assert(sizeof(struct sock_filter) == sizeof(uint64_t), "an instruction is eight bytes");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -errno;
    return status(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program));
}

int32_t hadal_sandbox_landlock_version(void) {
    return status(syscall(CALL_CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION));
}

int32_t hadal_sandbox_landlock_create(uint64_t rights) {
    /* The first member alone: every version of the interface takes that. */
    struct { uint64_t rights; } attributes = {rights};
    return status(syscall(CALL_CREATE_RULESET, &attributes, sizeof attributes, 0));
}

int32_t hadal_sandbox_landlock_allow(int32_t rules, int32_t file, uint64_t rights) {
    struct { uint64_t rights; int32_t file; } __attribute__((packed)) rule = {rights, file};
    return status(syscall(CALL_ADD_RULE, rules, RULE_PATH_BENEATH, &rule, 0));
}

int32_t hadal_sandbox_landlock_enforce(int32_t rules, bool all_threads) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -errno;
    return status(syscall(CALL_RESTRICT_SELF, rules, all_threads ? RESTRICT_ALL_THREADS : 0));
}
#else
intptr_t hadal_sandbox_call(intptr_t number, intptr_t a, intptr_t b, intptr_t c, intptr_t d, intptr_t e, intptr_t f) {
    (void)number, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
    return -ENOSYS;
}
int32_t hadal_sandbox_set_filter(const uint64_t *instructions, uint16_t count) { (void)instructions, (void)count; return -ENOSYS; }
int32_t hadal_sandbox_landlock_version(void) { return -ENOSYS; }
int32_t hadal_sandbox_landlock_create(uint64_t rights) { (void)rights; return -ENOSYS; }
int32_t hadal_sandbox_landlock_allow(int32_t rules, int32_t file, uint64_t rights) {
    (void)rules, (void)file, (void)rights;
    return -ENOSYS;
}
int32_t hadal_sandbox_landlock_enforce(int32_t rules, bool all_threads) { (void)rules, (void)all_threads; return -ENOSYS; }
#endif

int32_t hadal_sandbox_try_32_bit_call(void) {
#if defined(__linux__) && defined(__x86_64__)
    /* A kernel without the ABI ends the caller with a signal. */
    pid_t child = fork();
    if (child < 0) return -2;
    if (child == 0) {
        /* 20 is getpid. The kernel does not keep r8 to r11 in all of its versions. */
        long result = 20;
        __asm__ volatile("int $0x80" : "+a"(result) : : "r8", "r9", "r10", "r11", "memory");
        int number = (int)result;
        _exit(number < 0 && number > -256 ? -number : 0);
    }
    int ended = 0;
    pid_t waited;
    do waited = waitpid(child, &ended, 0);
    while (waited < 0 && errno == EINTR);
    if (waited != child) return -2;
    return WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
#else
    return -1;
#endif
}

int32_t hadal_sandbox_forbid_dumps(void) {
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0) return -errno;
#ifdef __linux__
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return -errno;
#endif
    return 0;
}
