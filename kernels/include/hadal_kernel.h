/*
 * The C kernel ABI: what an op's cpu.c is given and what it must provide. docs/kernels.md explains it.
 *
 * A kernel is a pure function of its arguments. It has no globals, allocates nothing, and calls nothing beyond memcpy, memset and the
 * mathematics library, so that the same source can be compiled into the CPU plugin or into a shared object at run time.
 */
#ifndef HADAL_KERNEL_H
#define HADAL_KERNEL_H

#include "hadal_plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Instruction sets that a source is compiled for, weakest first. Each includes those before it of the same kind of processor. */
enum {
    HADAL_ISA_BASELINE = 0,   /* what the compiler targets by default */
    HADAL_ISA_AVX2 = 1,       /* x86-64: AVX2, FMA, F16C */
    HADAL_ISA_AVX512 = 2,     /* x86-64: AVX-512 F, BW, DQ, VL */
    HADAL_ISA_AVX512VNNI = 3, /* x86-64: and VNNI */
    HADAL_ISA_DOTPROD = 4,    /* Armv8.2: dot products of bytes */
    HADAL_ISA_COUNT = 5
};

/* A matrix. Values of rank 1 are one column of `rows` elements. */
typedef struct hadal_kernel_tensor {
    void *data;               /* NULL: an optional input that is absent; aligned to its element only */
    int64_t rows;             /* in this step */
    int64_t columns;
    int64_t stride;           /* bytes from row to row */
    uint32_t dtype;           /* HADAL_DTYPE_*; vectors of parameters (norm weights, biases) are always F32 */
    uint32_t packing;         /* HADAL_PACKED_*: how a weight is laid out; 0: row-major as stored */
    uint32_t symbol;          /* HADAL_SYMBOL_*: what `rows` follows */
    uint32_t reserved;
} hadal_kernel_tensor;

/* A paged cache: page, head, token in page, then `width` elements. Of a state of fixed size: slot, head, row of `page_tokens`, then `width`
 * elements. */
typedef struct hadal_kernel_state {
    void *data;
    uint32_t dtype;           /* F32, F16, BF16, or of a contract that names it Q8_0, whose rows are padded: hadal_cache.h */
    uint32_t heads;
    uint32_t width;
    uint32_t page_tokens;
} hadal_kernel_state;

/* Bools are 0 or 1; strings are the index of the choice in the contract's list. Lists are not passed: shapes show them. */
typedef union hadal_kernel_attribute {
    int64_t i;
    double f;
} hadal_kernel_attribute;

/* One call, the same for all threads. */
typedef struct hadal_kernel_args {
    uint32_t size;
    uint32_t input_count, output_count, state_count, attribute_count;
    uint32_t reserved;
    const hadal_kernel_tensor *inputs;          /* in the contract's order */
    const hadal_kernel_tensor *outputs;
    const hadal_kernel_state *states;
    const hadal_kernel_attribute *attributes;   /* sorted by name */
    const hadal_step *step;
} hadal_kernel_args;

/* C = A B^T in float32: A [m, k] with row stride lda, B [n, k] with ldb, C [m, n] with ldc (elements). */
typedef void (*hadal_kernel_sgemm)(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb,
                                   float *c, int64_t ldc);

/* One thread's part in a call. Every thread of the pool makes the same call; the kernel shares the work out by index and count. */
typedef struct hadal_kernel_thread {
    uint32_t size;
    uint32_t index, count;
    uint32_t reserved;
    void *scratch;            /* this thread's own, 64-byte aligned, as large as `scratch_bytes` of the kernel says */
    uint64_t scratch_bytes;
    hadal_kernel_sgemm sgemm; /* NULL: none at hand */
} hadal_kernel_thread;

typedef void (*hadal_kernel_function)(const hadal_kernel_args *args, const hadal_kernel_thread *thread);

/* What a source exports, through `const hadal_kernel *hadal_kernel_<name>(void)`. */
typedef struct hadal_kernel {
    uint32_t size;
    uint32_t abi_version;     /* HADAL_KERNEL_ABI_VERSION */
    const char *name;
    /* Scratch bytes that each thread needs, for tensors at their upper bounds. NULL: none. */
    uint64_t (*scratch_bytes)(const hadal_kernel_args *args);
    hadal_kernel_function variants[HADAL_ISA_COUNT]; /* NULL: the next weaker one of the same processor serves */
} hadal_kernel;

#define HADAL_KERNEL_ABI_VERSION 2u

/* The strongest instruction set that this processor and system can run. */
uint32_t hadal_isa_available(void);

/* What an instruction set is called: "avx2". */
const char *hadal_isa_name(uint32_t isa);

/* The kernels that are linked into this program or library, in no particular order. Hidden: another copy in the same process has its own. */
__attribute__((visibility("hidden"))) const hadal_kernel *const *hadal_stock_kernels(uint64_t *count);

/* ---- for kernel sources ---------------------------------------------------------------------------------------- */

#define HADAL_JOIN_(a, b) a##b
#define HADAL_JOIN(a, b) HADAL_JOIN_(a, b)
/* A name of this pass: HADAL_FN(helper) is helper_avx2 in the AVX2 pass. */
#define HADAL_FN(name) HADAL_JOIN(name, HADAL_ISA_SUFFIX)
/* Defines the kernel's function for this pass. */
#define HADAL_KERNEL(name) static void HADAL_FN(name)(const hadal_kernel_args *args, const hadal_kernel_thread *thread)

#if defined(HADAL_ONLY_ISA) && HADAL_ONLY_ISA == 0
#define HADAL_VARIANTS(name) {name##_baseline, 0, 0, 0, 0}
#elif defined(HADAL_ONLY_ISA) && HADAL_ONLY_ISA == 1
#define HADAL_VARIANTS(name) {0, name##_avx2, 0, 0, 0}
#elif defined(HADAL_ONLY_ISA) && HADAL_ONLY_ISA == 2
#define HADAL_VARIANTS(name) {0, 0, name##_avx512, 0, 0}
#elif defined(HADAL_ONLY_ISA) && HADAL_ONLY_ISA == 3
#define HADAL_VARIANTS(name) {0, 0, 0, name##_avx512vnni, 0}
#elif defined(HADAL_ONLY_ISA) && HADAL_ONLY_ISA == 4
#define HADAL_VARIANTS(name) {0, 0, 0, 0, name##_dotprod}
#elif defined(__x86_64__)
#define HADAL_VARIANTS(name) {name##_baseline, name##_avx2, name##_avx512, name##_avx512vnni, 0}
#elif defined(__aarch64__)
#define HADAL_VARIANTS(name) {name##_baseline, 0, 0, 0, name##_dotprod}
#else
#define HADAL_VARIANTS(name) {name##_baseline, 0, 0, 0, 0}
#endif
/* Lists a pointer to a kernel among those of the program or library: hadal_stock_kernels goes through this section. */
#if defined(__APPLE__)
#define HADAL_LISTED __attribute__((section("__DATA,hadal_kernels"), used))
#elif __has_attribute(retain)
#define HADAL_LISTED __attribute__((section("hadal_kernels"), used, retain)) /* linkers that drop unused sections keep it */
#else
#define HADAL_LISTED __attribute__((section("hadal_kernels"), used))
#endif
/* After the passes: exports the kernel, and lists it. */
#define HADAL_EXPORT_KERNEL(name, scratch)                                                                                     \
    HADAL_EXPORT const hadal_kernel *hadal_kernel_##name(void) {                                                               \
        static const hadal_kernel kernel = {sizeof(hadal_kernel), HADAL_KERNEL_ABI_VERSION, #name, scratch,                    \
                                            HADAL_VARIANTS(name)};                                                             \
        static const hadal_kernel *const listed HADAL_LISTED = &kernel;                                                        \
        return &kernel;                                                                                                        \
    }

/* This thread's share of `total` items, in runs of `granule`. */
static inline void hadal_share(int64_t total, int64_t granule, const hadal_kernel_thread *thread, int64_t *begin, int64_t *end) {
    int64_t runs = (total + granule - 1) / granule;
    *begin = runs * thread->index / thread->count * granule;
    *end = runs * (thread->index + 1) / thread->count * granule;
    if (*begin > total) *begin = total;
    if (*end > total) *end = total;
}

#ifdef __cplusplus
}
#endif
#endif
