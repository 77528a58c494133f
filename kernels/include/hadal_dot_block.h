/*
 * The product of one unpacked block of weights with quantised activations, and the sizes of tiles. Included once per pass, by hadal_dot.h, after
 * hadal_codes.h; hadal_panels.h builds on it, too.
 *
 * A vector holds LANES rows times 4 columns of quantised values; one broadcast of 4 activations is multiplied with all of them. With VNNI, or Arm's dot
 * products, that is one instruction; with AVX2 and AVX-512 without it, unsigned times signed bytes are added in pairs to 16 bits, as many as cannot overflow
 * there, then to 32; signed values are made unsigned by moving their signs to the activations.
 */
#ifndef HADAL_DOT_BLOCK_NAMES
#define HADAL_DOT_BLOCK_NAMES
#define dot_add HADAL_FN(dot_add)
#define dot_whole HADAL_FN(dot_whole)
#define dot_lines HADAL_FN(dot_lines)
#define dot_scaled HADAL_FN(dot_scaled)
#define dot_total HADAL_FN(dot_total)
#define dot_block HADAL_FN(dot_block)
#define dot_prefetch HADAL_FN(dot_prefetch)
#define dot_prefetch_next HADAL_FN(dot_prefetch_next)
#define dot_activations HADAL_FN(dot_activations)
#endif
#undef DOT_TOKENS
#undef DOT_VECTORS
#undef DOT_PARTS
#undef DOT_GROUPS
#undef DOT_WIDE
#undef DOT_KEEP
#undef DOT_FEW
#undef DOT_PREFETCH_DISTANCE
#undef DOT_PANEL_PREFETCH_DISTANCE
/* Vectors that 16 rows take; groups and rows of a panel; vectors and tokens of a tile, whose sums are kept in registers. */
#define DOT_PARTS (HADAL_PACK_ROWS / LANES)
#define DOT_WIDE (DOT_GROUPS * HADAL_PACK_ROWS)
#if LANES == 16
#define DOT_GROUPS 2
#define DOT_VECTORS 2
#define DOT_TOKENS 6
#define DOT_FEW 4
#elif HADAL_ISA == 1
#define DOT_GROUPS 1
#define DOT_VECTORS 2
#define DOT_TOKENS 4
#define DOT_FEW 2
#elif HADAL_ISA == 4
#define DOT_GROUPS 1
#define DOT_VECTORS 2
#define DOT_TOKENS 6
#define DOT_FEW 2
#else
#define DOT_GROUPS 1
#define DOT_VECTORS 1
#define DOT_TOKENS 4
#define DOT_FEW 1
#endif
/* Blocks of a panel: a multiple of 8. Rows of activations that are multiplied with it at a time. */
#define DOT_PANEL 8
#define DOT_CHUNK HADAL_CHUNK_ROWS
/*
 * How many bytes ahead of their use weights are prefetched, by a few rows and by panels, into the second-level cache: the first level has too few outstanding
 * misses to wait for memory. The processor's own prefetching is not enough for one row either, the less so the longer values take to unpack.
 */
#define DOT_PREFETCH_DISTANCE 16384
#define DOT_PANEL_PREFETCH_DISTANCE 65536

/* Keeps a sum in its register after each line: the compiler would rather add up in another order, for which it lacks registers. */
#if HADAL_ISA == 0
#define DOT_KEEP(sum)
#elif HADAL_ISA == 4
#define DOT_KEEP(sum) __asm__("" : "+w"(sum))
#else
#define DOT_KEEP(sum) __asm__("" : "+v"(sum))
#endif

/* The activations for line i of a block whose own begin at x: 4, broadcast. Arm's dot products take 4 out of 16, which then are those of 4 lines. */
INLINE vi dot_activations(const int8_t *x, int i) {
#if HADAL_ISA == 4
    return *(const vi_unaligned *)(x + i / 4 * 16);
#else
    int32_t four;
    memcpy(&four, x + i * 4, 4);
    return four - (vi){0};
#endif
}

/*
 * How many lines' products are added as 16-bit integers: 2 * 127 * (largest quantised value) * lines < 2^15. 1: values are signed bytes. 0: products are added
 * as 32-bit integers from the first.
 */
INLINE int dot_whole(uint32_t packing) {
#if HADAL_ISA == 0 || HADAL_ISA == 3 || HADAL_ISA == 4
    return 0;
#endif
    switch (packing) {
    case HADAL_PACKED_8: case HADAL_PACKED_4_TABLE: case HADAL_PACKED_4_TABLE_SUPER: return 1;
    case HADAL_PACKED_6_HALVES: return 2;
    case HADAL_PACKED_5: case HADAL_PACKED_5_MIN: case HADAL_PACKED_5_SUPER: case HADAL_PACKED_4_FLOAT: return 4;
    default: return 8;
    }
}

/* sum + the products of line i with its activations; see dot_whole for `whole`. */
#if HADAL_ISA == 0
static __attribute__((noinline, unused)) /* many copies of a loop make a large library and a slow compilation */
#else
INLINE
#endif
vi dot_add(int whole, int is_signed, vi sum, vi line, vi x, int i) {
#if HADAL_ISA == 3
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)line, (__m512i)x);
#elif HADAL_ISA == 2
    if (whole > 1) return (vi)_mm512_add_epi16((__m512i)sum, _mm512_maddubs_epi16((__m512i)line, (__m512i)x));
    const __m512i moved = _mm512_mask_sub_epi8((__m512i)x, _mm512_movepi8_mask((__m512i)line), _mm512_setzero_si512(), (__m512i)x);
    return sum + (vi)_mm512_madd_epi16(_mm512_maddubs_epi16(_mm512_abs_epi8((__m512i)line), moved), _mm512_set1_epi16(1));
#elif HADAL_ISA == 1
    if (whole > 1) return (vi)_mm256_add_epi16((__m256i)sum, _mm256_maddubs_epi16((__m256i)line, (__m256i)x));
    const __m256i pair = _mm256_maddubs_epi16(_mm256_abs_epi8((__m256i)line), _mm256_sign_epi8((__m256i)x, (__m256i)line));
    return sum + (vi)_mm256_madd_epi16(pair, _mm256_set1_epi16(1));
#elif HADAL_ISA == 4
    /* Unsigned values are below 64: they are the same as signed bytes. */
    const int8x16_t codes = (int8x16_t)line, activations = (int8x16_t)x;
    switch (i % 4) { /* the place is part of the instruction */
    case 0: return (vi)vdotq_laneq_s32((int32x4_t)sum, codes, activations, 0);
    case 1: return (vi)vdotq_laneq_s32((int32x4_t)sum, codes, activations, 1);
    case 2: return (vi)vdotq_laneq_s32((int32x4_t)sum, codes, activations, 2);
    default: return (vi)vdotq_laneq_s32((int32x4_t)sum, codes, activations, 3);
    }
#else
    uint8_t w[LANES * 4];
    int8_t a[LANES * 4];
    memcpy(w, &line, sizeof w);
    memcpy(a, &x, sizeof a);
    for (int j = 0; j < LANES * 4; j++) sum[j / 4] += (is_signed ? (int8_t)w[j] : (int)w[j]) * a[j];
    return sum;
#endif
}

/* 16-bit sums as 32-bit ones. */
INLINE vi dot_lines(int whole, vi sum) {
#if HADAL_ISA == 2
    if (whole > 1) return (vi)_mm512_madd_epi16((__m512i)sum, _mm512_set1_epi16(1));
#elif HADAL_ISA == 1
    if (whole > 1) return (vi)_mm256_madd_epi16((__m256i)sum, _mm256_set1_epi16(1));
#endif
    return sum;
}

/* The sum of a block's activations, or of half of them where halves have scales of their own. */
INLINE int32_t dot_total(uint32_t packing, const hadal_block *block, int half) {
    return !code_halves(packing) ? block->low + block->high : half ? block->high : block->low;
}

/*
 * dot[t * vectors + v]: a block, or the half of it, times the activations of t, which x and block are the first ones of; integers. codes: the
 * block, unpacked, or as `packing` has it if `is_panel` is 0; moved on to the first vector.
 */
INLINE void dot_block(
    int is_panel, uint32_t packing, int vectors, int tokens, int half, const uint8_t *codes, const int8_t *x, const hadal_block *block, int64_t stride,
    vi *dot) {
    const int first = half * 4, count = code_halves(packing) ? 4 : 8;
    const int whole = dot_whole(packing), run = whole > 1 && whole < count ? whole : count;
    const int is_signed = packing == HADAL_PACKED_8 || packing == HADAL_PACKED_4_TABLE || packing == HADAL_PACKED_4_TABLE_SUPER;
#pragma GCC unroll 8
    for (int t = 0; t < tokens; t++) {
        /* The zero point is subtracted at the start. */
        const int32_t total = code_offset(packing) ? dot_total(packing, (const hadal_block *)((const char *)block + t * stride), half) : 0;
        for (int v = 0; v < vectors; v++) dot[t * vectors + v] = -code_offset(packing) * total - (vi){0};
    }
#pragma GCC unroll 4
    for (int from = first; from < first + count; from += run) {
        vi sum[DOT_TOKENS * DOT_PARTS * DOT_GROUPS];
        for (int i = 0; i < vectors * tokens; i++) sum[i] = whole > 1 ? (vi){0} : dot[i];
#pragma GCC unroll 8
        for (int i = from; i < from + run; i++) {
            vi line[DOT_PARTS * DOT_GROUPS];
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                if (is_panel)
                    line[v] = *(const vi_unaligned *)(codes + i * DOT_WIDE * 4 + v * LANES * 4);
                else
                    line[v] = code_line(packing, codes + v * LANES * 4, i);
#pragma GCC unroll 8
            for (int t = 0; t < tokens; t++) {
                const vi a = dot_activations(x + t * stride, i);
#pragma GCC unroll 4
                for (int v = 0; v < vectors; v++) {
                    sum[t * vectors + v] = dot_add(whole, is_signed, sum[t * vectors + v], line[v], a, i);
                    if (tokens > 1) DOT_KEEP(sum[t * vectors + v]);
                }
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < vectors * tokens; i++) dot[i] = whole > 1 ? dot[i] + dot_lines(whole, sum[i]) : sum[i];
    }
}

/* sum + scale * dot * (the activations' scale) + minimum * (their sum), for a block or one of its halves. */
INLINE vf dot_scaled(uint32_t packing, vf sum, vi dot, vf scale, const float *minimum, const hadal_block *block, int half) {
    sum += __builtin_convertvector(dot, vf) * (scale * block->scale);
    if (!code_minimum(packing)) return sum;
    return sum + v_load(minimum) * (code_halves(packing) ? block->scale * (float)dot_total(packing, block, half) : block->sum);
}

/* Lines that will be needed, `each` at a step: of one stretch of memory, or of DOT_GROUPS that are `pitch` bytes apart. */
typedef struct {
    const uint8_t *at;
    int64_t line, lines, each, pitch;
} dot_prefetch;

INLINE void dot_prefetch_next(dot_prefetch *prefetch, int stretches) {
    for (int64_t i = 0; i < prefetch->each && prefetch->line < prefetch->lines; i++, prefetch->line++)
        for (int g = 0; g < stretches; g++) __builtin_prefetch(prefetch->at + prefetch->line * 64 + g * prefetch->pitch, 0, 2);
}
