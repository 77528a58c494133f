/* Tells the thread sanitizer of the standard library's Mutex (.ci/test-tsan preloads this).
 *
 * A Mutex that is free is taken and given back by atomics that are compiled into the program, which the sanitizer sees. One that is
 * contended is handed on inside libswiftSynchronization, which is not instrumented: without this, all that such a Mutex guards looks like a
 * race. The functions are the library's own (Swift 6); if a later one calls them otherwise, the false alarms come back. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

/* The sanitizer is in the test program, not in the programs that start it. */
static void tell(const char *what, void *mutex) {
    void (*call)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, what);
    if (call) call(mutex);
}

SWIFT void lock_slow(uint32_t thread, SELF void *mutex) __asm__(LOCK);
SWIFT void lock_slow(uint32_t thread, SELF void *mutex) {
    SWIFT void (*next)(uint32_t, SELF void *) = (SWIFT void (*)(uint32_t, SELF void *))dlsym(RTLD_NEXT, LOCK);
    next(thread, mutex);
    tell("__tsan_acquire", mutex);
}

SWIFT bool try_lock_slow(SELF void *mutex) __asm__(TRY_LOCK);
SWIFT bool try_lock_slow(SELF void *mutex) {
    SWIFT bool (*next)(SELF void *) = (SWIFT bool (*)(SELF void *))dlsym(RTLD_NEXT, TRY_LOCK);
    bool taken = next(mutex);
    if (taken) tell("__tsan_acquire", mutex);
    return taken;
}

SWIFT void unlock_slow(SELF void *mutex) __asm__(UNLOCK);
SWIFT void unlock_slow(SELF void *mutex) {
    SWIFT void (*next)(SELF void *) = (SWIFT void (*)(SELF void *))dlsym(RTLD_NEXT, UNLOCK);
    tell("__tsan_release", mutex);
    next(mutex);
}

/* What Swift tells of accesses to whole variables. The sanitizer in the program has it, but keeps it from libraries that are loaded later. */
void __tsan_external_write(void *address, void *caller, void *tag) {
    (void)caller, (void)tag;
    tell("__tsan_write1", address);
}

/* Around a library's deinitialisers. */
void __tsan_ignore_thread_begin(void) {}
void __tsan_ignore_thread_end(void) {}
