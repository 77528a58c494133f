/*
 * Products of pairs of bfloat16 elements, where the processor has an instruction for them. Included once, before the passes: it is no instruction set of its
 * own, since nothing else needs it.
 */
#ifndef HADAL_BF16_H
#define HADAL_BF16_H

#include <stdint.h>

/* Rows of weights and of activations that a tile has at most. */
enum { BF16_ROWS = 32, BF16_TOKENS = 6 };

#if defined(__x86_64__)
#include "hadal_intrinsics.h"
#define BF16_TARGET __attribute__((target("avx512f,avx512bf16")))

static inline int bf16_available(void) { return __builtin_cpu_supports("avx512bf16") != 0; }

BF16_TARGET static inline __attribute__((always_inline)) void bf16_tile_of(
    int tokens, const float *panel, const float *x, int64_t stride, int64_t pairs, float *sum) {
    __m512 s[BF16_TOKENS * 2];
#pragma GCC unroll 12
    for (int i = 0; i < tokens * 2; i++) s[i] = _mm512_loadu_ps(sum + i * 16);
    for (int64_t p = 0; p < pairs; p++) {
        const __m512bh a = (__m512bh)_mm512_loadu_ps(panel + p * BF16_ROWS), b = (__m512bh)_mm512_loadu_ps(panel + p * BF16_ROWS + 16);
#pragma GCC unroll 6
        for (int t = 0; t < tokens; t++) {
            const __m512bh v = (__m512bh)_mm512_set1_ps(x[t * stride + p]);
            s[t * 2] = _mm512_dpbf16_ps(s[t * 2], a, v);
            s[t * 2 + 1] = _mm512_dpbf16_ps(s[t * 2 + 1], b, v);
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < tokens * 2; i++) _mm512_storeu_ps(sum + i * 16, s[i]);
}

/*
 * sum[t * BF16_ROWS + r] += `pairs` pairs of `tokens` rows of x, `stride` pairs apart, times panel[p * BF16_ROWS + r]. A float holds the bits of a pair, the
 * earlier column in the lower half.
 */
BF16_TARGET static __attribute__((unused)) void bf16_tile(int tokens, const float *panel, const float *x, int64_t stride, int64_t pairs, float *sum) {
    switch (tokens) {
    case 6: bf16_tile_of(6, panel, x, stride, pairs, sum); return;
    case 5: bf16_tile_of(5, panel, x, stride, pairs, sum); return;
    case 4: bf16_tile_of(4, panel, x, stride, pairs, sum); return;
    case 3: bf16_tile_of(3, panel, x, stride, pairs, sum); return;
    case 2: bf16_tile_of(2, panel, x, stride, pairs, sum); return;
    default: bf16_tile_of(1, panel, x, stride, pairs, sum);
    }
}
#else
static inline int bf16_available(void) { return 0; }
static inline void bf16_tile(int tokens, const float *panel, const float *x, int64_t stride, int64_t pairs, float *sum) {
    (void)tokens, (void)panel, (void)x, (void)stride, (void)pairs, (void)sum;
}
#endif
#endif
