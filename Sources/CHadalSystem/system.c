#define _GNU_SOURCE
#include "hadal_system.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

/* Sanitizers cannot work in a library that prefers its own copies, and end the program. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif

extern char **environ;

char **hadal_system_environment(void) { return environ; }

const char *hadal_system_image_path(const void *address) {
    Dl_info info;
    return dladdr(address, &info) != 0 ? info.dli_fname : NULL;
}

static char *const *arguments;

#if defined(__GLIBC__) || defined(__APPLE__)
/* Both give constructors what they give main. */
__attribute__((constructor)) static void keep_arguments(int count, char **values) {
    if (count > 0) arguments = values;
}
#endif

char *const *hadal_system_arguments(void) { return arguments; }

int32_t hadal_system_plugin_dlopen_flags(void) {
    int flags = RTLD_NOW | RTLD_LOCAL;
#if defined(RTLD_DEEPBIND) && !defined(SANITIZED)
    flags |= RTLD_DEEPBIND;
#endif
    return flags;
}

#ifdef __linux__
void hadal_system_futex_wait(const uint32_t *word, uint32_t expected) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

void hadal_system_futex_wake(const uint32_t *word, int32_t count) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

bool hadal_system_pin_thread(uint32_t processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    return pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0;
}
#else
void hadal_system_futex_wait(const uint32_t *word, uint32_t expected) {
    (void)word, (void)expected;
    sched_yield();
}
void hadal_system_futex_wake(const uint32_t *word, int32_t count) { (void)word, (void)count; }
bool hadal_system_pin_thread(uint32_t processor) { (void)processor; return false; }
#endif

void hadal_system_name_thread(const char *name) {
#ifdef __linux__
    char cut[16];
    snprintf(cut, sizeof cut, "%s", name);
    pthread_setname_np(pthread_self(), cut);
#elif defined(__APPLE__)
    pthread_setname_np(name);
#else
    (void)name;
#endif
}

bool hadal_system_stack(uintptr_t *lowest, size_t *size) {
#ifdef __linux__
    /* For the main thread glibc reads /proc/self/maps: as long as reading a small JSON text takes. */
    static _Thread_local void *known_address;
    static _Thread_local size_t known_size;
    if (known_size == 0) {
        pthread_attr_t attributes;
        if (pthread_getattr_np(pthread_self(), &attributes) != 0) return false;
        bool known = pthread_attr_getstack(&attributes, &known_address, &known_size) == 0;
        pthread_attr_destroy(&attributes);
        if (!known) return false;
    }
    *lowest = (uintptr_t)known_address;
    *size = known_size;
    return true;
#elif defined(__APPLE__)
    *size = pthread_get_stacksize_np(pthread_self());
    *lowest = (uintptr_t)pthread_get_stackaddr_np(pthread_self()) - *size;
    return true;
#else
    (void)lowest, (void)size;
    return false;
#endif
}

int32_t hadal_system_open_direct(int32_t descriptor) {
#if defined(__linux__) && defined(O_DIRECT)
    /* The link leads to the open file even when its name is gone. */
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    return open(link, O_RDONLY | O_CLOEXEC | O_DIRECT);
#else
    (void)descriptor;
    return -1;
#endif
}

void hadal_system_prefetch(const void *at, size_t bytes) {
    for (size_t line = 0; line < bytes; line += 64) __builtin_prefetch((const char *)at + line, 0, 2);
}

void hadal_system_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
