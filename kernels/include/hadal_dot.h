/*
 * Products of packed groups of 16 weight rows with quantised rows of activations. Included once per pass, after hadal_codes.h.
 *
 * A vector holds LANES rows times 4 columns of codes; one broadcast of 4 activations meets all of them. With VNNI, or Arm's dot products, that is one
 * instruction; with AVX2 and AVX-512 without it, unsigned times signed bytes are added in pairs to 16 bits, as many as cannot overflow there, then to
 * 32; signed codes are made unsigned by moving their signs to the activations.
 *
 * A few rows of activations are multiplied with the codes as they are unpacked, DOT_FEW at a time. More meet a panel: some blocks of one group or two,
 * unpacked once into the nearest cache. Both add the same numbers in the same order.
 */
#ifndef HADAL_DOT_NAMES
#define HADAL_DOT_NAMES
#define dot_add HADAL_FN(dot_add)
#define dot_whole HADAL_FN(dot_whole)
#define dot_lines HADAL_FN(dot_lines)
#define dot_scaled HADAL_FN(dot_scaled)
#define dot_total HADAL_FN(dot_total)
#define dot_block HADAL_FN(dot_block)
#define dot_one HADAL_FN(dot_one)
#define dot_supers HADAL_FN(dot_supers)
#define dot_ahead HADAL_FN(dot_ahead)
#define dot_rows_few HADAL_FN(dot_rows_few)
#define dot_few HADAL_FN(dot_few)
#define dot_few_rows HADAL_FN(dot_few_rows)
#define dot_coming HADAL_FN(dot_coming)
#define dot_ask HADAL_FN(dot_ask)
#define dot_rows HADAL_FN(dot_rows)
#define dot_product HADAL_FN(dot_product)
#define dot_results_ahead HADAL_FN(dot_results_ahead)
#define dot_activations HADAL_FN(dot_activations)
#endif
#undef DOT_TOKENS
#undef DOT_VECTORS
#undef DOT_PARTS
#undef DOT_GROUPS
#undef DOT_WIDE
#undef DOT_KEEP
#undef DOT_FEW
#undef DOT_AHEAD
#undef DOT_PANEL_AHEAD
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
 * How many bytes ahead of use memory is asked for, by a few rows and by panels, into the second level: the first one's misses are too few to wait for memory.
 * The processor's own prefetching is not enough for one row either, the less so the longer codes take to unpack.
 */
#define DOT_AHEAD 16384
#define DOT_PANEL_AHEAD 65536

/* Keeps a sum in its register after each line: the compiler would rather add up in another order, for which it lacks registers. */
#if HADAL_ISA == 0
#define DOT_KEEP(sum)
#elif HADAL_ISA == 4
#define DOT_KEEP(sum) __asm__("" : "+w"(sum))
#else
#define DOT_KEEP(sum) __asm__("" : "+v"(sum))
#endif

/* The activations that meet line i of a block whose own begin at x: 4, broadcast. Arm's dot products take 4 out of 16, which then are those of 4 lines. */
INLINE vi dot_activations(const int8_t *x, int i) {
#if HADAL_ISA == 4
    return *(const vi_loose *)(x + i / 4 * 16);
#else
    int32_t four;
    memcpy(&four, x + i * 4, 4);
    return four - (vi){0};
#endif
}

/*
 * How many lines' products are added as 16-bit numbers: 2 * 127 * (largest code) * lines < 2^15. 1: codes are signed bytes. 0: products are added as
 * 32-bit numbers from the first.
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

/* sum + the products of line i with the activations that it meets; see dot_whole for `whole`. */
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
    /* Unsigned codes are below 64: they are the same as signed bytes. */
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
 * dot[t * vectors + v]: a block, or the half of it, times the activations of t, which x and block are the first ones of; whole numbers. codes: the
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
        /* What the codes have too much is taken off at the start. */
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
                    line[v] = *(const vi_loose *)(codes + i * DOT_WIDE * 4 + v * LANES * 4);
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

/* sum[t * DOT_PARTS + p] + the products of a block of the group with `tokens` rows. */
INLINE void dot_one(
    uint32_t packing, int tokens, const uint8_t *codes, const uint8_t *own, const int8_t *q, const hadal_block *block, int64_t stride, const vf *d,
    const vf *e, vf *sum) {
    const int halves = code_halves(packing);
    vf scale[DOT_PARTS][2], minimum[DOT_PARTS][2];
#pragma GCC unroll 4
    for (int p = 0; p < DOT_PARTS; p++) code_scales(packing, own, p * LANES, d[p], e[p], scale[p], minimum[p]);
#pragma GCC unroll 2
    for (int h = 0; h <= halves; h++) {
        vi dot[DOT_FEW * DOT_PARTS];
        dot_block(0, packing, DOT_PARTS, tokens, h, codes, q, block, stride, dot);
#pragma GCC unroll 8
        for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
            for (int p = 0; p < DOT_PARTS; p++)
                sum[t * DOT_PARTS + p] = dot_scaled(
                    packing, sum[t * DOT_PARTS + p], dot[t * DOT_PARTS + p], scale[p][h], (const float *)&minimum[p][h],
                    (const hadal_block *)((const char *)block + t * stride), h);
    }
}

INLINE void dot_supers(uint32_t packing, const uint8_t *super, vf *d, vf *e) {
    for (int p = 0; p < DOT_PARTS; p++) code_super(packing, super + p * LANES * 2, &d[p], &e[p]);
}

/* Asks for `bytes` bytes, DOT_AHEAD after `at`. */
INLINE void dot_ahead(const uint8_t *at, int64_t bytes) {
    for (int64_t line = 0; line < bytes; line += 64) __builtin_prefetch(at + DOT_AHEAD + line, 0, 2);
}

/* Lines that will be needed, `each` at a step: of one stretch of memory, or of DOT_GROUPS that are `pitch` bytes apart. */
typedef struct {
    const uint8_t *at;
    int64_t line, lines, each, pitch;
} dot_coming;

INLINE void dot_ask(dot_coming *coming, int stretches) {
    for (int64_t i = 0; i < coming->each && coming->line < coming->lines; i++, coming->line++)
        for (int g = 0; g < stretches; g++) __builtin_prefetch(coming->at + coming->line * 64 + g * coming->pitch, 0, 2);
}

/*
 * out[t * DOT_WIDE + r] for 16 rows and `tokens` rows of activations, `stride` bytes apart, of one term or two. Asks for some of
 * `coming` at each block; for a row that is `alone`, which has no `coming`, as much as the block takes is asked for DOT_AHEAD bytes ahead.
 */
INLINE void dot_rows_few(
    uint32_t packing, int tokens, const uint8_t *group, int64_t columns, const int8_t *x, int64_t stride, int64_t terms, int alone,
    dot_coming *coming, float *out) {
    const int64_t blocks = columns / HADAL_PACK_COLUMNS, code_bytes = hadal_packed_code_bytes(packing), term_bytes = hadal_term_bytes(columns);
    const int32_t *listed[DOT_FEW], *last[DOT_FEW];
    for (int t = 0; t < tokens; t++) {
        listed[t] = (const int32_t *)(x + t * stride + 2 * term_bytes) + 1;
        last[t] = terms > 1 ? listed[t] + listed[t][-1] : listed[t];
    }
    vf sum[DOT_FEW * DOT_PARTS], d[DOT_PARTS], e[DOT_PARTS];
    for (int p = 0; p < tokens * DOT_PARTS; p++) sum[p] = (vf){0};
    for (int p = 0; p < DOT_PARTS; p++) d[p] = e[p] = (vf){0};
    for (int64_t first = 0; first < blocks; first += 8) {
        const uint8_t *super = group + hadal_packed_super_at(packing, first), *at = group + hadal_packed_code_at(packing, first, blocks);
        const int64_t end = first + 8 < blocks ? first + 8 : blocks;
        if (tokens == 1 && alone) dot_ahead(super, at - super);
        dot_supers(packing, super, d, e);
        for (int64_t b = first; b < end; b++, at += code_bytes) {
            dot_ask(coming, 1);
            if (tokens == 1 && alone) dot_ahead(at, code_bytes);
            dot_one(packing, tokens, at, group + hadal_packed_own_at(packing, b), x + b * 32, (const hadal_block *)(x + columns) + b, stride, d, e, sum);
        }
        /* Second terms follow the first ones of a panel. */
        if (end % DOT_PANEL && end < blocks) continue;
        for (int t = 0; t < tokens; t++)
            for (; listed[t] < last[t] && *listed[t] < end; listed[t]++) {
                const int64_t b = *listed[t];
                const int8_t *second = x + t * stride + term_bytes;
                dot_supers(packing, group + hadal_packed_super_at(packing, b), d, e);
                dot_one(packing, 1, group + hadal_packed_code_at(packing, b, blocks), group + hadal_packed_own_at(packing, b), second + b * 32,
                        (const hadal_block *)(second + columns) + b, 0, d, e, sum + t * DOT_PARTS);
            }
    }
    for (int t = 0; t < tokens; t++)
        for (int p = 0; p < DOT_PARTS; p++) v_store(out + t * DOT_WIDE + p * LANES, sum[t * DOT_PARTS + p]);
}

/* How many rows are faster so than with a panel. */
INLINE int64_t dot_few_rows(uint32_t packing) {
    if (DOT_FEW == 1) return 1;
    if (HADAL_ISA == 4) return 4; /* by counted instructions: it has not been measured */
    return HADAL_ISA == 3 && packing == HADAL_PACKED_6_HALVES ? 4 : 8;
}

/* The same for any number of them. More rows than one ask evenly in all of their passes. */
INLINE void dot_few(
    uint32_t packing, const uint8_t *group, int64_t columns, const int8_t *x, int64_t stride, int64_t tokens, float *out) {
    const int64_t terms = stride > hadal_term_bytes(columns) ? 2 : 1, lines = tokens > 1 ? hadal_packed_group_bytes(packing, columns) / 64 : 0;
    const int64_t steps = columns / HADAL_PACK_COLUMNS * (tokens / DOT_FEW + tokens % DOT_FEW / 2 + tokens % 2);
    dot_coming coming = {group + DOT_AHEAD, 0, lines, (lines + steps - 1) / steps, 0};
    int64_t t = 0;
#define DOT_FEW_ROWS(size)                \
    for (; t + size <= tokens; t += size) \
    dot_rows_few(packing, size, group, columns, x + t * stride, stride, terms, tokens == 1, &coming, out + t * DOT_WIDE)
#if DOT_FEW >= 4
    DOT_FEW_ROWS(4);
#endif
#if DOT_FEW >= 2
    DOT_FEW_ROWS(2);
#endif
    DOT_FEW_ROWS(1);
#undef DOT_FEW_ROWS
}

#include "hadal_panels.h"

/* ---- any number of rows ------------------------------------------------------------------------------------------ */

/*
 * out[t * DOT_WIDE + r]: `groups` (1 ... DOT_GROUPS) groups, one after the other, times `tokens` (1 ... DOT_CHUNK) rows of activations, `stride` bytes apart, of
 * one term or two; `list` is theirs.
 */
INLINE void dot_rows(
    uint32_t packing, const uint8_t *group, int64_t groups, int64_t columns, const int8_t *x, int64_t stride, int64_t tokens, dot_listing list,
    float *out) {
    const int64_t blocks = columns / HADAL_PACK_COLUMNS, group_bytes = hadal_packed_group_bytes(packing, columns);
    if (tokens <= dot_few_rows(packing)) {
        for (int64_t g = 0; g < groups; g++)
            dot_few(packing, group + g * group_bytes, columns, x, stride, tokens, out + g * HADAL_PACK_ROWS);
        return;
    }
    dot_panel panel;
    memset(out, 0, (size_t)tokens * DOT_WIDE * 4);
    for (int64_t first = 0; first < blocks; first += DOT_PANEL) {
        const int64_t count = blocks - first < DOT_PANEL ? blocks - first : DOT_PANEL;
        /* A group that is missing is replaced by the last one: nobody reads what that gives. */
        for (int64_t g = 0; g < DOT_GROUPS; g++)
            dot_unpack(packing, group + (g < groups ? g : groups - 1) * group_bytes, blocks, first, count, g * HADAL_PACK_ROWS, &panel);
        dot_coming coming = dot_coming_panel(packing, group, blocks, first, count, count * ((tokens + DOT_TOKENS - 1) / DOT_TOKENS));
        const dot_call call = {&panel, tokens, count, first, x, columns, stride, list, &coming, out};
        dot_many(packing, &call);
    }
}

/* dot_rows with a weight's packing and columns. */
static __attribute__((unused, noinline)) void dot_product(
    const hadal_kernel_tensor *weight, const uint8_t *group, int64_t groups, const int8_t *x, int64_t stride, int64_t tokens, dot_listing list, float *out) {
#define DOT_PRODUCT(packing) case packing: dot_rows(packing, group, groups, weight->columns, x, stride, tokens, list, out); return
    switch (weight->packing & 255) {
    DOT_PRODUCT(HADAL_PACKED_4);
    DOT_PRODUCT(HADAL_PACKED_4_MIN);
    DOT_PRODUCT(HADAL_PACKED_4_SUPER);
    DOT_PRODUCT(HADAL_PACKED_4_FLOAT);
    DOT_PRODUCT(HADAL_PACKED_4_TABLE);
    DOT_PRODUCT(HADAL_PACKED_4_TABLE_SUPER);
    DOT_PRODUCT(HADAL_PACKED_4_HALVES);
    DOT_PRODUCT(HADAL_PACKED_4_HALVES_MIN);
    DOT_PRODUCT(HADAL_PACKED_5);
    DOT_PRODUCT(HADAL_PACKED_5_MIN);
    DOT_PRODUCT(HADAL_PACKED_5_SUPER);
    DOT_PRODUCT(HADAL_PACKED_6_HALVES);
    default: dot_rows(HADAL_PACKED_8, group, groups, weight->columns, x, stride, tokens, list, out);
    }
#undef DOT_PRODUCT
}

/* Asks for what lies where results of `tokens` tokens go, or what is added to them is: `count` floats each, far from each other. */
INLINE void dot_results_ahead(const float *at, int64_t stride, int64_t count, int64_t tokens) {
    for (int64_t t = 0; t < tokens; t++)
        for (int64_t i = 0; i < count; i += 16) __builtin_prefetch(at + t * stride + i, 0, 2);
}
