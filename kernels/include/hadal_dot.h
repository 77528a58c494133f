/*
 * Products of packed groups of 16 weight rows with quantised rows of activations. Included once per pass, after hadal_codes.h.
 *
 * A few rows of activations are multiplied with the quantised values as they are unpacked, DOT_FEW at a time. More are multiplied with a panel: some blocks of
 * one group or two, unpacked once into the nearest cache. Both add the same products in the same order.
 */
#include "hadal_dot_block.h"
#include "hadal_panels.h"

#ifndef HADAL_DOT_NAMES
#define HADAL_DOT_NAMES
#define dot_one HADAL_FN(dot_one)
#define dot_supers HADAL_FN(dot_supers)
#define dot_prefetch_bytes HADAL_FN(dot_prefetch_bytes)
#define dot_rows_few HADAL_FN(dot_rows_few)
#define dot_few HADAL_FN(dot_few)
#define dot_few_rows HADAL_FN(dot_few_rows)
#define dot_rows HADAL_FN(dot_rows)
#define dot_product HADAL_FN(dot_product)
#define dot_prefetch_results HADAL_FN(dot_prefetch_results)
/* The name of before, for kernels of other folders. */
#define dot_results_ahead dot_prefetch_results
#endif

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

/* Prefetches `bytes` bytes, DOT_PREFETCH_DISTANCE after `at`. */
INLINE void dot_prefetch_bytes(const uint8_t *at, int64_t bytes) {
    for (int64_t line = 0; line < bytes; line += 64) __builtin_prefetch(at + DOT_PREFETCH_DISTANCE + line, 0, 2);
}

/*
 * out[t * DOT_WIDE + r] for 16 rows and `tokens` rows of activations, `stride` bytes apart, of one term or two. Each block
 * prefetches some of `prefetch`; a row that is `alone`, which has no `prefetch`, as much as the block takes, DOT_PREFETCH_DISTANCE bytes ahead.
 */
INLINE void dot_rows_few(
    uint32_t packing, int tokens, const uint8_t *group, int64_t columns, const int8_t *x, int64_t stride, int64_t terms, int alone,
    dot_prefetch *prefetch, float *out) {
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
        if (tokens == 1 && alone) dot_prefetch_bytes(super, at - super);
        dot_supers(packing, super, d, e);
        for (int64_t b = first; b < end; b++, at += code_bytes) {
            dot_prefetch_next(prefetch, 1);
            if (tokens == 1 && alone) dot_prefetch_bytes(at, code_bytes);
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

/* The same for any number of them. More rows than one prefetch evenly in all of their passes. */
INLINE void dot_few(
    uint32_t packing, const uint8_t *group, int64_t columns, const int8_t *x, int64_t stride, int64_t tokens, float *out) {
    const int64_t terms = stride > hadal_term_bytes(columns) ? 2 : 1, lines = tokens > 1 ? hadal_packed_group_bytes(packing, columns) / 64 : 0;
    const int64_t steps = columns / HADAL_PACK_COLUMNS * (tokens / DOT_FEW + tokens % DOT_FEW / 2 + tokens % 2);
    dot_prefetch prefetch = {group + DOT_PREFETCH_DISTANCE, 0, lines, (lines + steps - 1) / steps, 0};
    int64_t t = 0;
#define DOT_FEW_ROWS(size)                \
    for (; t + size <= tokens; t += size) \
    dot_rows_few(packing, size, group, columns, x + t * stride, stride, terms, tokens == 1, &prefetch, out + t * DOT_WIDE)
#if DOT_FEW >= 4
    DOT_FEW_ROWS(4);
#endif
#if DOT_FEW >= 2
    DOT_FEW_ROWS(2);
#endif
    DOT_FEW_ROWS(1);
#undef DOT_FEW_ROWS
}

/* ---- any number of rows ------------------------------------------------------------------------------------------ */

/*
 * out[t * DOT_WIDE + r]: `groups` (1 ... DOT_GROUPS) groups, one after the other, times `tokens` (1 ... DOT_CHUNK) rows of activations, `stride` bytes apart, of
 * one term or two; `list` is theirs.
 */
INLINE void dot_rows(
    uint32_t packing, const uint8_t *group, int64_t groups, int64_t columns, const int8_t *x, int64_t stride, int64_t tokens, dot_block_list list,
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
        dot_prefetch prefetch = dot_prefetch_panel(packing, group, blocks, first, count, count * ((tokens + DOT_TOKENS - 1) / DOT_TOKENS));
        const dot_call call = {&panel, tokens, count, first, x, columns, stride, list, &prefetch, out};
        dot_many(packing, &call);
    }
}

/* dot_rows with a weight's packing and columns. */
static __attribute__((unused, noinline)) void dot_product(
    const hadal_kernel_tensor *weight, const uint8_t *group, int64_t groups, const int8_t *x, int64_t stride, int64_t tokens, dot_block_list list, float *out) {
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

/* Prefetches where results of `tokens` tokens go, or what is added to them: `count` floats each, far from each other. */
INLINE void dot_prefetch_results(const float *at, int64_t stride, int64_t count, int64_t tokens) {
    for (int64_t t = 0; t < tokens; t++)
        for (int64_t i = 0; i < count; i += 16) __builtin_prefetch(at + t * stride + i, 0, 2);
}
