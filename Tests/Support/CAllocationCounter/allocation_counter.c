/*
 * Interposing malloc from the executable would miss plugins, which are loaded with RTLD_DEEPBIND and so find the C library's
 * functions before anyone else's. Instead the slots through which each loaded image calls the allocator are overwritten.
 *
 * Source: System V ABI, chapter 5 (dynamic section, relocations).
 */
#define _GNU_SOURCE
#include "allocation_counter.h"

#if defined(__linux__) && defined(__LP64__) && (defined(__x86_64__) || defined(__aarch64__))

#include <dlfcn.h>
#include <elf.h>
#include <execinfo.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic uint64_t total;
static _Thread_local uint64_t mine;
static _Atomic int32_t to_report;
static _Thread_local bool reporting;

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void *(*real_aligned_alloc)(size_t, size_t);
static void *(*real_memalign)(size_t, size_t);
static int (*real_posix_memalign)(void **, size_t, size_t);

static void count(void) {
    atomic_fetch_add_explicit(&total, 1, memory_order_relaxed);
    mine++;
    if (atomic_load_explicit(&to_report, memory_order_relaxed) > 0 && !reporting && atomic_fetch_sub(&to_report, 1) > 0) {
        void *frames[32];
        reporting = true;
        static const char heading[] = "--- allocation:\n";
        if (write(STDERR_FILENO, heading, sizeof heading - 1) > 0) backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
        reporting = false;
    }
}

static void *counted_malloc(size_t size) { count(); return real_malloc(size); }
static void *counted_calloc(size_t n, size_t size) { count(); return real_calloc(n, size); }
static void *counted_realloc(void *old, size_t size) { count(); return real_realloc(old, size); }
static void *counted_aligned_alloc(size_t alignment, size_t size) { count(); return real_aligned_alloc(alignment, size); }
static void *counted_memalign(size_t alignment, size_t size) { count(); return real_memalign(alignment, size); }
static int counted_posix_memalign(void **result, size_t alignment, size_t size) {
    count();
    return real_posix_memalign(result, alignment, size);
}

static const struct {
    const char *name;
    void **real;
    void *counted;
} functions[] = {
    {"malloc", (void **)&real_malloc, (void *)counted_malloc},
    {"calloc", (void **)&real_calloc, (void *)counted_calloc},
    {"realloc", (void **)&real_realloc, (void *)counted_realloc},
    {"aligned_alloc", (void **)&real_aligned_alloc, (void *)counted_aligned_alloc},
    {"memalign", (void **)&real_memalign, (void *)counted_memalign},
    {"posix_memalign", (void **)&real_posix_memalign, (void *)counted_posix_memalign},
};

#ifdef __x86_64__
static bool holds_address(uint64_t info) {
    const uint32_t type = ELF64_R_TYPE(info);
    return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT || type == R_X86_64_64;
}
#else
static bool holds_address(uint64_t info) {
    const uint32_t type = ELF64_R_TYPE(info);
    return type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT || type == R_AARCH64_ABS64;
}
#endif

static void patch(const Elf64_Rela *relocations, size_t bytes, const Elf64_Sym *symbols, const char *strings, uint64_t base) {
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < bytes / sizeof *relocations; i++) {
        if (!holds_address(relocations[i].r_info)) continue;
        const char *name = strings + symbols[ELF64_R_SYM(relocations[i].r_info)].st_name;
        for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
            if (strcmp(name, functions[f].name) != 0) continue;
            void **slot = (void **)(base + relocations[i].r_offset);
            if (*slot == functions[f].counted) continue;
            /* Slots are read-only once the loader is done; writable does no harm in a test. */
            if (mprotect((void *)((uint64_t)slot & ~(page - 1)), page, PROT_READ | PROT_WRITE) == 0) *slot = functions[f].counted;
        }
    }
}

static int patch_image(struct dl_phdr_info *info, size_t size, void *context) {
    const Elf64_Dyn *dynamic = NULL;
    const Elf64_Rela *lists[2] = {NULL, NULL};
    size_t bytes[2] = {0, 0};
    const Elf64_Sym *symbols = NULL;
    const char *strings = NULL;
    (void)size, (void)context;
    /* The kernel's image has no relocations, the loader's own allocator is another. */
    if (strstr(info->dlpi_name, "linux-vdso") != NULL || strstr(info->dlpi_name, "/ld-linux") != NULL) return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC) dynamic = (const Elf64_Dyn *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    }
    for (; dynamic != NULL && dynamic->d_tag != DT_NULL; dynamic++) {
        uint64_t address = dynamic->d_un.d_ptr;
        if (address < info->dlpi_addr) address += info->dlpi_addr;
        switch (dynamic->d_tag) {
        case DT_SYMTAB: symbols = (const Elf64_Sym *)address; break;
        case DT_STRTAB: strings = (const char *)address; break;
        case DT_RELA: lists[0] = (const Elf64_Rela *)address; break;
        case DT_RELASZ: bytes[0] = dynamic->d_un.d_val; break;
        case DT_JMPREL: lists[1] = (const Elf64_Rela *)address; break;
        case DT_PLTRELSZ: bytes[1] = dynamic->d_un.d_val; break;
        default: break;
        }
    }
    if (symbols == NULL || strings == NULL) return 0;
    for (int i = 0; i < 2; i++) {
        if (lists[i] != NULL) patch(lists[i], bytes[i], symbols, strings, info->dlpi_addr);
    }
    return 0;
}

bool allocation_counter_watch(void) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    void *frames[1];
    pthread_mutex_lock(&lock);
    bool complete = true;
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        if (*functions[f].real == NULL) *functions[f].real = dlsym(RTLD_DEFAULT, functions[f].name);
        complete = complete && *functions[f].real != NULL;
    }
    /* The first call loads the unwinder, which allocates. */
    backtrace(frames, 1);
    if (complete) dl_iterate_phdr(patch_image, NULL);
    pthread_mutex_unlock(&lock);
    return complete;
}

uint64_t allocation_counter_total(void) { return atomic_load_explicit(&total, memory_order_relaxed); }
uint64_t allocation_counter_thread(void) { return mine; }
void allocation_counter_report(uint32_t count) { atomic_store(&to_report, (int32_t)count); }

#else

bool allocation_counter_watch(void) { return false; }
uint64_t allocation_counter_total(void) { return 0; }
uint64_t allocation_counter_thread(void) { return 0; }
void allocation_counter_report(uint32_t count) { (void)count; }

#endif
