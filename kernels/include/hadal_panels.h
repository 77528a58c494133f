/*
 * Panels: blocks of packed groups, unpacked once into the nearest cache for many rows of activations. Included once per pass, by hadal_dot.h, after
 * hadal_dot_block.h, whose products and tile sizes it uses.
 */
#ifndef HADAL_PANELS_NAMES
#define HADAL_PANELS_NAMES
#define dot_panel HADAL_FN(dot_panel)
#define dot_prefetch_panel HADAL_FN(dot_prefetch_panel)
#define dot_unpack HADAL_FN(dot_unpack)
#define dot_tile HADAL_FN(dot_tile)
#define dot_panel_block HADAL_FN(dot_panel_block)
#define dot_block_list HADAL_FN(dot_block_list)
#define dot_list_blocks HADAL_FN(dot_list_blocks)
#define dot_listed HADAL_FN(dot_listed)
#define dot_tiles HADAL_FN(dot_tiles)
#define dot_call HADAL_FN(dot_call)
#define dot_many HADAL_FN(dot_many)
/* The names of before, for kernels of other folders. */
#define dot_listing dot_block_list
#define dot_list dot_list_blocks
#endif

/* Blocks of DOT_GROUPS groups, unpacked: lines of quantised values; scale and minimum of all rows, of both halves if a block has them. */
typedef struct {
    uint8_t lines[DOT_PANEL][8][DOT_WIDE * 4];
    float scale[DOT_PANEL][2][DOT_WIDE], minimum[DOT_PANEL][2][DOT_WIDE];
} __attribute__((aligned(64))) dot_panel;

/* `count` blocks from `first` on, a multiple of 8, of a group whose rows begin at `row` of the panel's. */
INLINE void dot_unpack(uint32_t packing, const uint8_t *group, int64_t blocks, int64_t first, int64_t count, int64_t row, dot_panel *panel) {
    for (int64_t i = 0; i < count; i++) {
        const int64_t b = first + i;
        const uint8_t *super = group + hadal_packed_super_at(packing, b), *own = group + hadal_packed_own_at(packing, b);
        const uint8_t *at = group + hadal_packed_code_at(packing, b, blocks);
#pragma GCC unroll 4
        for (int p = 0; p < DOT_PARTS; p++) {
            const int lane = p * LANES;
#pragma GCC unroll 8
            for (int l = 0; l < 8; l++) *(vi *)(panel->lines[i][l] + (row + lane) * 4) = code_line(packing, at + lane * 4, l);
            vf d = {0}, e = {0}, scale[2], minimum[2];
            code_super(packing, super + lane * 2, &d, &e);
            code_scales(packing, own, lane, d, e, scale, minimum);
            for (int h = 0; h <= code_halves(packing); h++) {
                v_store(panel->scale[i][h] + row + lane, scale[h]);
                if (code_minimum(packing)) v_store(panel->minimum[i][h] + row + lane, minimum[h]);
            }
        }
    }
}

/*
 * What is prefetched beside `count` blocks of two groups from `first` on, in `steps` steps. The groups of a panel are read side by side: what a long one will
 * need lies in itself, or at the same place of the next panel's.
 */
INLINE dot_prefetch dot_prefetch_panel(uint32_t packing, const uint8_t *group, int64_t blocks, int64_t first, int64_t count, int64_t steps) {
    const int64_t bytes = hadal_packed_group_bytes(packing, blocks * HADAL_PACK_COLUMNS), from = hadal_packed_super_at(packing, first);
    const int64_t to = hadal_packed_code_at(packing, first + count - 1, blocks) + hadal_packed_code_bytes(packing);
    const int64_t near = DOT_PANEL_PREFETCH_DISTANCE / DOT_GROUPS;
    const int64_t distance = bytes < near ? DOT_PANEL_PREFETCH_DISTANCE : from < bytes - near ? near : near + (DOT_GROUPS - 1) * bytes;
    const int64_t lines = (to - from + 63) / 64;
    return (dot_prefetch){group + from + distance, 0, lines, (lines + steps - 1) / steps, bytes};
}

/*
 * sum[t * DOT_VECTORS + v] + the products of block i of the panel, rows from `row` on, with activations of `tokens` tokens: q is the first one's, block
 * what belongs to it.
 */
INLINE void dot_panel_block(
    uint32_t packing, int tokens, const dot_panel *panel, int64_t i, int64_t row, const int8_t *q, const hadal_block *block, int64_t stride, vf *sum) {
    const int halves = code_halves(packing);
#pragma GCC unroll 2
    for (int h = 0; h <= halves; h++) {
        vi dot[DOT_TOKENS * DOT_VECTORS];
        dot_block(1, packing, DOT_VECTORS, tokens, h, panel->lines[i][0] + row * 4, q, block, stride, dot);
#pragma GCC unroll 8
        for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
            for (int v = 0; v < DOT_VECTORS; v++)
                sum[t * DOT_VECTORS + v] = dot_scaled(
                    packing, sum[t * DOT_VECTORS + v], dot[t * DOT_VECTORS + v], v_load(panel->scale[i][h] + row + v * LANES),
                    panel->minimum[i][h] + row + v * LANES, (const hadal_block *)((const char *)block + t * stride), h);
    }
}

/* out[t * DOT_WIDE + r] += the products of the first `count` blocks of the panel, which are blocks of the rows x from `origin` on. */
INLINE void dot_tile(
    uint32_t packing, int tokens, const dot_panel *panel, int64_t count, int64_t origin, const int8_t *x, int64_t columns, int64_t stride,
    dot_prefetch *prefetch, float *out) {
#pragma GCC unroll 4
    for (int row = 0; row < DOT_WIDE; row += DOT_VECTORS * LANES) {
        vf sum[DOT_TOKENS * DOT_VECTORS];
#pragma GCC unroll 8
        for (int t = 0; t < tokens; t++)
            for (int v = 0; v < DOT_VECTORS; v++) sum[t * DOT_VECTORS + v] = v_load(out + t * DOT_WIDE + row + v * LANES);
        for (int64_t i = 0; i < count; i++) {
            dot_prefetch_next(prefetch, DOT_GROUPS);
            dot_panel_block(packing, tokens, panel, i, row, x + (origin + i) * 32, (const hadal_block *)(x + columns) + origin + i, stride, sum);
        }
#pragma GCC unroll 8
        for (int t = 0; t < tokens; t++)
            for (int v = 0; v < DOT_VECTORS; v++) v_store(out + t * DOT_WIDE + row + v * LANES, sum[t * DOT_VECTORS + v]);
    }
}

/* ---- second terms ---------------------------------------------------------------------------------------------- */

/* Which rows of a chunk have a second term of each block: rows[start[b]] ..< rows[start[b + 1]], ascending. start is NULL where none can. */
typedef struct {
    int32_t *start;
    uint8_t *rows;
} dot_block_list;

/* The block list of `tokens` (at most DOT_CHUNK) rows, in scratch of hadal_block_list_bytes. */
INLINE dot_block_list dot_list_blocks(const int8_t *x, int64_t columns, int64_t stride, int64_t tokens, void *scratch) {
    const int64_t blocks = columns / 32, terms = 2 * hadal_term_bytes(columns);
    dot_block_list list = {0, 0};
    if (tokens < 2 || stride < terms) return list;
    list.start = (int32_t *)scratch + 1;
    list.rows = (uint8_t *)(list.start + blocks + 1);
    /* start[b] counts block b - 1, then is where it begins, and, once all of its rows are noted, where block b does. */
    memset(scratch, 0, (size_t)(blocks + 2) * 4);
    for (int64_t t = 0; t < tokens; t++) {
        const int32_t *listed = (const int32_t *)(x + t * stride + terms);
        for (int32_t i = 1; i <= listed[0]; i++) list.start[listed[i]]++;
    }
    for (int64_t b = 0, sum = 0; b <= blocks; b++) {
        const int32_t count = list.start[b];
        list.start[b] = (int32_t)sum;
        sum += count;
    }
    for (int64_t t = 0; t < tokens; t++) {
        const int32_t *listed = (const int32_t *)(x + t * stride + terms);
        for (int32_t i = 1; i <= listed[0]; i++) list.rows[list.start[listed[i]]++] = (uint8_t)t;
    }
    /* Each start has become the next one's. */
    list.start--;
    return list;
}

/* All tokens with `count` blocks of a panel. */
typedef struct {
    const dot_panel *panel;
    int64_t tokens, count, origin;
    const int8_t *x;
    int64_t columns, stride;
    dot_block_list list;
    dot_prefetch *prefetch;
    float *out;
} dot_call;

/* out[t * DOT_WIDE + r] += block i of the panel times the second terms of `tokens` rows t. */
INLINE void dot_listed(uint32_t packing, int tokens, const dot_call *call, int64_t i, const uint8_t *rows) {
    /* Side by side, as the rows of a tile are. */
    struct { int8_t q[32]; hadal_block block; } second[DOT_TOKENS];
    const int64_t b = call->origin + i;
    for (int k = 0; k < tokens; k++) {
        const int8_t *from = call->x + rows[k] * call->stride + hadal_term_bytes(call->columns);
        memcpy(second[k].q, from + b * 32, 32);
        second[k].block = ((const hadal_block *)(from + call->columns))[b];
    }
#pragma GCC unroll 4
    for (int row = 0; row < DOT_WIDE; row += DOT_VECTORS * LANES) {
        vf sum[DOT_TOKENS * DOT_VECTORS];
#pragma GCC unroll 8
        for (int k = 0; k < tokens; k++)
            for (int v = 0; v < DOT_VECTORS; v++) sum[k * DOT_VECTORS + v] = v_load(call->out + rows[k] * DOT_WIDE + row + v * LANES);
        dot_panel_block(packing, tokens, call->panel, i, row, second[0].q, &second[0].block, sizeof second[0], sum);
#pragma GCC unroll 8
        for (int k = 0; k < tokens; k++)
            for (int v = 0; v < DOT_VECTORS; v++) v_store(call->out + rows[k] * DOT_WIDE + row + v * LANES, sum[k * DOT_VECTORS + v]);
    }
}

INLINE void dot_tiles(uint32_t packing, const dot_call *call) {
    const int64_t tokens = call->tokens, count = call->count, columns = call->columns, stride = call->stride;
    int64_t t = 0;
#define DOT_TILES(size)               \
    for (; t + size <= tokens; t += size) \
        dot_tile(packing, size, call->panel, count, call->origin, call->x + t * stride, columns, stride, call->prefetch, call->out + t * DOT_WIDE)
    DOT_TILES(DOT_TOKENS);
    DOT_TILES(2);
    DOT_TILES(1);
#undef DOT_TILES
    if (!call->list.start) return;
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *at = call->list.rows + call->list.start[call->origin + i], *end = call->list.rows + call->list.start[call->origin + i + 1];
        for (; at + DOT_TOKENS <= end; at += DOT_TOKENS) dot_listed(packing, DOT_TOKENS, call, i, at);
        for (; at + 2 <= end; at += 2) dot_listed(packing, 2, call, i, at);
        for (; at < end; at++) dot_listed(packing, 1, call, i, at);
    }
}

/* Unpacked, types differ only in how their products may be added, in the zero points of their quantised values, and in whether they have minima. */
static __attribute__((unused, noinline)) void dot_many(uint32_t packing, const dot_call *call) {
    switch (packing) {
    case HADAL_PACKED_4: dot_tiles(HADAL_PACKED_4, call); return;
    case HADAL_PACKED_4_MIN: case HADAL_PACKED_4_SUPER: dot_tiles(HADAL_PACKED_4_MIN, call); return;
    case HADAL_PACKED_4_HALVES: dot_tiles(HADAL_PACKED_4_HALVES, call); return;
    case HADAL_PACKED_4_HALVES_MIN: dot_tiles(HADAL_PACKED_4_HALVES_MIN, call); return;
    case HADAL_PACKED_4_FLOAT: case HADAL_PACKED_5: dot_tiles(HADAL_PACKED_5, call); return;
    case HADAL_PACKED_5_MIN: case HADAL_PACKED_5_SUPER: dot_tiles(HADAL_PACKED_5_MIN, call); return;
    case HADAL_PACKED_6_HALVES: dot_tiles(HADAL_PACKED_6_HALVES, call); return;
    default: dot_tiles(HADAL_PACKED_8, call); return;
    }
}
