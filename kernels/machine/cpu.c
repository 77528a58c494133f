/* Read, float and int8 ceilings of one thread on the strongest instruction set at hand. See hadal_machine.h. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_intrinsics.h"
#include "hadal_each_isa.h"
#include "hadal_machine.h"
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

uint32_t hadal_isa_available(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return HADAL_ISA_BASELINE;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vl"))
        return HADAL_ISA_AVX2;
    return __builtin_cpu_supports("avx512vnni") ? HADAL_ISA_AVX512VNNI : HADAL_ISA_AVX512;
#elif defined(__aarch64__) && defined(__APPLE__)
    return HADAL_ISA_DOTPROD; /* there is no Mac without */
#elif defined(__aarch64__) && defined(__linux__)
    return getauxval(AT_HWCAP) & HWCAP_ASIMDDP ? HADAL_ISA_DOTPROD : HADAL_ISA_BASELINE;
#else
    return HADAL_ISA_BASELINE;
#endif
}

const char *hadal_isa_name(uint32_t isa) {
    static const char *const names[HADAL_ISA_COUNT] = {"baseline", "avx2", "avx512", "avx512vnni", "dotprod"};
    return isa < HADAL_ISA_COUNT ? names[isa] : "unknown";
}

#if defined(__x86_64__)
#define HADAL_MACHINE_CALL(name, ...)                                                                                          \
    switch (hadal_isa_available()) {                                                                                           \
    case HADAL_ISA_AVX512VNNI: return name##_avx512vnni(__VA_ARGS__);                                                          \
    case HADAL_ISA_AVX512: return name##_avx512(__VA_ARGS__);                                                                  \
    case HADAL_ISA_AVX2: return name##_avx2(__VA_ARGS__);                                                                      \
    default: return name##_baseline(__VA_ARGS__);                                                                              \
    }
#elif defined(__aarch64__)
#define HADAL_MACHINE_CALL(name, ...)                                                                                          \
    if (hadal_isa_available() == HADAL_ISA_DOTPROD) return name##_dotprod(__VA_ARGS__);                                        \
    return name##_baseline(__VA_ARGS__);
#else
#define HADAL_MACHINE_CALL(name, ...) return name##_baseline(__VA_ARGS__);
#endif

uint64_t hadal_machine_read(const void *data, uint64_t bytes) { HADAL_MACHINE_CALL(read, data, bytes) }
double hadal_machine_float_operations(uint64_t rounds, float *sink) { HADAL_MACHINE_CALL(floats, rounds, sink) }
double hadal_machine_int8_operations(uint64_t rounds, int32_t *sink) { HADAL_MACHINE_CALL(bytes, rounds, sink) }

const char *hadal_machine_instruction_set(void) { return hadal_isa_name(hadal_isa_available()); }

#else
#include "hadal_simd.h"

static uint64_t HADAL_FN(read)(const void *data, uint64_t bytes) {
    const char *p = data, *end = p + bytes;
    vi a = {0}, b = {0}, c = {0}, d = {0};
    for (; p + 4 * sizeof(vi) <= end; p += 4 * sizeof(vi)) {
        __builtin_prefetch(p + 4096);
        a += *(const vi_unaligned *)p;
        b += *(const vi_unaligned *)(p + sizeof(vi));
        c += *(const vi_unaligned *)(p + 2 * sizeof(vi));
        d += *(const vi_unaligned *)(p + 3 * sizeof(vi));
    }
    a = (a + b) + (c + d);
    uint64_t sum = 0;
    for (int i = 0; i < LANES; i++) sum += (uint32_t)a[i];
    return sum;
}

/* Multiply-adds that do not wait for each other: as many as are under way at once, of Arm's four units. */
#undef CHAINS
#if defined(__aarch64__)
#define CHAINS 20
#else
#define CHAINS 10
#endif

static double HADAL_FN(floats)(uint64_t rounds, float *sink) {
    vf acc[CHAINS];
    for (int i = 0; i < CHAINS; i++) acc[i] = v_splat(1.0f + (float)i);
    vf factor = v_splat(*sink), term = v_splat(0.25f);
    (void)term;
    for (uint64_t n = 0; n < rounds; n++)
#pragma GCC unroll 20
        for (int i = 0; i < CHAINS; i++)
#if defined(__aarch64__)
            acc[i] = (vf)vfmaq_f32((float32x4_t)acc[i], (float32x4_t)acc[i], (float32x4_t)factor); /* a sum of its own would take a move first */
#else
            acc[i] = acc[i] * factor + term;
#endif
    vf total = {0};
    for (int i = 0; i < CHAINS; i++) total += acc[i];
    *sink = v_reduce_add(total);
    return (double)rounds * CHAINS * 2 * LANES;
}

static double HADAL_FN(bytes)(uint64_t rounds, int32_t *sink) {
    vi acc[CHAINS], w = *sink - (vi){0};
    for (int i = 0; i < CHAINS; i++) acc[i] = (vi){0};
    for (uint64_t n = 0; n < rounds; n++) {
#pragma GCC unroll 20
        for (int i = 0; i < CHAINS; i++) {
#if HADAL_ISA == 3
            acc[i] = (vi)_mm512_dpbusd_epi32((__m512i)acc[i], (__m512i)w, (__m512i)acc[i]);
#elif HADAL_ISA == 2
            acc[i] = (vi)_mm512_add_epi16((__m512i)acc[i], _mm512_maddubs_epi16((__m512i)w, (__m512i)acc[i]));
#elif HADAL_ISA == 1
            acc[i] = (vi)_mm256_add_epi16((__m256i)acc[i], _mm256_maddubs_epi16((__m256i)w, (__m256i)acc[i]));
#elif HADAL_ISA == 4
            acc[i] = (vi)vdotq_s32((int32x4_t)acc[i], (int8x16_t)w, (int8x16_t)acc[i]);
#else
            acc[i] = acc[i] * w + acc[i];
#endif
        }
    }
    vi total = {0};
    for (int i = 0; i < CHAINS; i++) total += acc[i];
    *sink = total[0];
    /* A vector of bytes a multiply-add; without byte products, of 32-bit elements. */
    return (double)rounds * CHAINS * 2 * (HADAL_ISA == 0 ? LANES : 4 * LANES);
}

#endif
