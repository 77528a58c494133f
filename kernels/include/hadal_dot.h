/*
 * Products of one packed group of 16 weight rows with quantised rows of activations. Included once per pass, after hadal_codes.h.
 *
 * A vector holds LANES rows times 4 columns of codes; one broadcast of 4 activations meets all of them. With VNNI that is one
 * instruction; with AVX2 and AVX-512 without it, unsigned times signed bytes are added in pairs to 16 bits, as many as cannot overflow there, then to
 * 32; signed codes are made unsigned by moving their signs to the activations.
 *
 * One row of activations is multiplied with the codes as they are unpacked. Several meet a panel: some blocks of the group, unpacked once into the
 * nearest cache. Both add the same numbers in the same order.
 */
#ifndef HADAL_DOT_NAMES
#define HADAL_DOT_NAMES
#define dot_add HADAL_FN(dot_add)
#define dot_whole HADAL_FN(dot_whole)
#define dot_lines HADAL_FN(dot_lines)
#define dot_scaled HADAL_FN(dot_scaled)
#define dot_block HADAL_FN(dot_block)
#define dot_one HADAL_FN(dot_one)
#define dot_supers HADAL_FN(dot_supers)
#define dot_ahead HADAL_FN(dot_ahead)
#define dot_rows_one HADAL_FN(dot_rows_one)
#define dot_panel HADAL_FN(dot_panel)
#define dot_unpack HADAL_FN(dot_unpack)
#define dot_tile HADAL_FN(dot_tile)
#define dot_listed HADAL_FN(dot_listed)
#define dot_tiles HADAL_FN(dot_tiles)
#define dot_call HADAL_FN(dot_call)
#define dot_many HADAL_FN(dot_many)
#define dot_rows HADAL_FN(dot_rows)
#define broadcast4 HADAL_FN(broadcast4)
#endif
#undef DOT_TOKENS
#undef DOT_HALVES_TOKENS
#undef DOT_VECTORS
#undef DOT_PARTS
#undef DOT_KEEP
#undef DOT_AHEAD
/* Vectors that 16 rows take; vectors and tokens of a tile, whose sums are kept in registers; tokens where the halves of a block have two scales. */
#define DOT_PARTS (HADAL_PACK_ROWS / LANES)
#if HADAL_ISA >= 2
#define DOT_VECTORS 1
#define DOT_TOKENS 8
#define DOT_HALVES_TOKENS 8
#elif HADAL_ISA == 1
#define DOT_VECTORS 2
#define DOT_TOKENS 4
#define DOT_HALVES_TOKENS 3
#else
#define DOT_VECTORS 1
#define DOT_TOKENS 4
#define DOT_HALVES_TOKENS 4
#endif
/* Blocks of a panel: a multiple of 8. Rows of activations that are multiplied with a panel at a time. */
#define DOT_PANEL 16
#define DOT_CHUNK 128
/* How far ahead of use memory is asked for. */
#define DOT_AHEAD 4096

/* Keeps a sum in its register after each line: the compiler would rather add up in another order, for which it lacks registers. */
#if HADAL_ISA == 0
#define DOT_KEEP(sum)
#else
#define DOT_KEEP(sum) __asm__("" : "+v"(sum))
#endif

INLINE vi broadcast4(const int8_t *p) {
    int32_t four;
    memcpy(&four, p, 4);
    return four - (vi){0};
}

/*
 * How many lines' products are added as 16-bit numbers: 2 * 127 * (largest code) * lines < 2^15. 1: codes are signed bytes. 0: products are added as
 * 32-bit numbers from the first.
 */
INLINE int dot_whole(uint32_t packing) {
#if HADAL_ISA == 0 || HADAL_ISA == 3
    return 0;
#endif
    switch (packing) {
    case HADAL_PACKED_8: case HADAL_PACKED_4_TABLE: case HADAL_PACKED_4_TABLE_SUPER: return 1;
    case HADAL_PACKED_6_HALVES: return 2;
    case HADAL_PACKED_5: case HADAL_PACKED_5_MIN: case HADAL_PACKED_5_SUPER: case HADAL_PACKED_4_FLOAT: return 4;
    default: return 8;
    }
}

/* sum + the products of a line of codes with 4 activations; see dot_whole for `whole`. */
#if HADAL_ISA == 0
static __attribute__((noinline, unused)) /* many copies of a loop make a large library and a slow compilation */
#else
INLINE
#endif
vi dot_add(int whole, int is_signed, vi sum, vi line, vi x) {
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
#else
    uint8_t w[LANES * 4];
    int8_t a[LANES * 4];
    memcpy(w, &line, sizeof w);
    memcpy(a, &x, sizeof a);
    for (int i = 0; i < LANES * 4; i++) sum[i / 4] += (is_signed ? (int8_t)w[i] : (int)w[i]) * a[i];
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

/*
 * dot[t * vectors + v]: `count` lines from `first` on times the activations of t. codes: the block, unpacked, or as `packing` has it if
 * `is_panel` is 0; moved on to the first vector.
 */
INLINE void dot_block(int is_panel, uint32_t packing, int vectors, int tokens, int first, int count, const uint8_t *codes, const int8_t *x, int64_t stride, vi *dot) {
    const int whole = dot_whole(packing), run = whole > 1 && whole < count ? whole : count;
    const int is_signed = packing == HADAL_PACKED_8 || packing == HADAL_PACKED_4_TABLE || packing == HADAL_PACKED_4_TABLE_SUPER;
    for (int i = 0; i < vectors * tokens; i++) dot[i] = (vi){0};
#pragma GCC unroll 4
    for (int from = first; from < first + count; from += run) {
        vi sum[DOT_TOKENS * DOT_PARTS];
        for (int i = 0; i < vectors * tokens; i++) sum[i] = (vi){0};
#pragma GCC unroll 8
        for (int i = from; i < from + run; i++) {
            vi line[DOT_PARTS];
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                line[v] = code_line(is_panel ? HADAL_PACKED_8 : packing, codes + v * LANES * 4, i);
#pragma GCC unroll 8
            for (int t = 0; t < tokens; t++) {
                const vi a = broadcast4(x + t * stride + i * 4);
#pragma GCC unroll 4
                for (int v = 0; v < vectors; v++) {
                    sum[t * vectors + v] = dot_add(whole, is_signed, sum[t * vectors + v], line[v], a);
                    if (tokens > 1) DOT_KEEP(sum[t * vectors + v]);
                }
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < vectors * tokens; i++) {
            const vi part = dot_lines(whole, sum[i]);
            dot[i] += part;
        }
    }
}

/* sum + scale * dot * (the activations' scale) + minimum * (their sum). */
INLINE vf dot_scaled(uint32_t packing, vf sum, vi dot, vf scale, vf minimum, float x_scale, float x_sum) {
    sum += __builtin_convertvector(dot, vf) * (scale * x_scale);
    if (code_minimum(packing)) sum += minimum * x_sum;
    return sum;
}

/* sum[p] + the products of a block of the group with one row. */
INLINE void dot_one(uint32_t packing, const uint8_t *codes, const uint8_t *own, const int8_t *q, const hadal_block *block, const vf *d, const vf *e, vf *sum) {
    const int halves = code_halves(packing);
    vf scale[DOT_PARTS][2], minimum[DOT_PARTS][2];
#pragma GCC unroll 4
    for (int p = 0; p < DOT_PARTS; p++) code_scales(packing, own, p * LANES, d[p], e[p], scale[p], minimum[p]);
#pragma GCC unroll 2
    for (int h = 0; h <= halves; h++) {
        vi dot[DOT_PARTS];
        dot_block(0, packing, DOT_PARTS, 1, h * 4, halves ? 4 : 8, codes, q, 0, dot);
#pragma GCC unroll 4
        for (int p = 0; p < DOT_PARTS; p++)
            sum[p] = dot_scaled(packing, sum[p], dot[p], scale[p][h], minimum[p][h], block->scale, halves ? (h ? block->high : block->low) : block->sum);
    }
}

INLINE void dot_supers(uint32_t packing, const uint8_t *super, vf *d, vf *e) {
    for (int p = 0; p < DOT_PARTS; p++) code_super(packing, super + p * LANES * 2, &d[p], &e[p]);
}

/* Asks for what lies DOT_AHEAD behind. */
INLINE void dot_ahead(const uint8_t *at, int64_t bytes) {
    for (int64_t line = 0; line < bytes; line += 64) __builtin_prefetch(at + DOT_AHEAD + line);
}

/* out[r] for 16 rows and one row of activations of one term or two. */
INLINE void dot_rows_one(uint32_t packing, const uint8_t *group, int64_t columns, const int8_t *x, int64_t terms, float *out) {
    const int64_t blocks = columns / HADAL_PACK_COLUMNS, code_bytes = hadal_packed_code_bytes(packing);
    vf sum[DOT_PARTS], rest[DOT_PARTS], d[DOT_PARTS], e[DOT_PARTS];
    for (int p = 0; p < DOT_PARTS; p++) sum[p] = rest[p] = d[p] = e[p] = (vf){0};
    for (int64_t first = 0; first < blocks; first += 8) {
        const uint8_t *super = group + hadal_packed_super_at(packing, first), *at = group + hadal_packed_code_at(packing, first, blocks);
        const int64_t end = first + 8 < blocks ? first + 8 : blocks;
        dot_ahead(super, at - super);
        dot_supers(packing, super, d, e);
        for (int64_t b = first; b < end; b++, at += code_bytes) {
            dot_ahead(at, code_bytes);
            dot_one(packing, at, group + hadal_packed_own_at(packing, b), x + b * 32, (const hadal_block *)(x + columns) + b, d, e, sum);
        }
    }
    if (terms > 1) {
        const int8_t *second = x + hadal_term_bytes(columns);
        const int32_t *listed = (const int32_t *)(x + 2 * hadal_term_bytes(columns));
        for (int32_t i = 0; i < listed[0]; i++) {
            const int64_t b = listed[1 + i];
            dot_supers(packing, group + hadal_packed_super_at(packing, b), d, e);
            dot_one(packing, group + hadal_packed_code_at(packing, b, blocks), group + hadal_packed_own_at(packing, b), second + b * 32,
                    (const hadal_block *)(second + columns) + b, d, e, rest);
        }
        for (int p = 0; p < DOT_PARTS; p++) sum[p] += rest[p];
    }
    for (int p = 0; p < DOT_PARTS; p++) v_store(out + p * LANES, sum[p]);
}

/* ---- panels ---------------------------------------------------------------------------------------------------- */

/* Blocks of a group, unpacked: lines of codes; scale and minimum of 16 rows, of both halves if a block has them. */
typedef struct {
    uint8_t lines[DOT_PANEL][512];
    float scale[DOT_PANEL][2][HADAL_PACK_ROWS], minimum[DOT_PANEL][2][HADAL_PACK_ROWS];
} __attribute__((aligned(64))) dot_panel;

/* `count` blocks from `first` on, a multiple of 8. */
INLINE void dot_unpack(uint32_t packing, const uint8_t *group, int64_t blocks, int64_t first, int64_t count, dot_panel *panel) {
    for (int64_t i = 0; i < count; i++) {
        const int64_t b = first + i;
        const uint8_t *super = group + hadal_packed_super_at(packing, b), *own = group + hadal_packed_own_at(packing, b);
        const uint8_t *at = group + hadal_packed_code_at(packing, b, blocks);
        if (b % 8 == 0) dot_ahead(super, at - super);
        dot_ahead(at, hadal_packed_code_bytes(packing));
#pragma GCC unroll 4
        for (int p = 0; p < DOT_PARTS; p++) {
            const int lane = p * LANES;
#pragma GCC unroll 8
            for (int l = 0; l < 8; l++) *(vi *)(panel->lines[i] + l * 64 + lane * 4) = code_line(packing, at + lane * 4, l);
            vf d = {0}, e = {0}, scale[2], minimum[2];
            code_super(packing, super + lane * 2, &d, &e);
            code_scales(packing, own, lane, d, e, scale, minimum);
            for (int h = 0; h <= code_halves(packing); h++) {
                v_store(panel->scale[i][h] + lane, scale[h]);
                if (code_minimum(packing)) v_store(panel->minimum[i][h] + lane, minimum[h]);
            }
        }
    }
}

/* out[t * 16 + r] += the products of the first `count` blocks of the panel, which are blocks of the rows x from `origin` on. */
INLINE void dot_tile(
    uint32_t packing, int tokens, const dot_panel *panel, int64_t count, int64_t origin, const int8_t *x, int64_t columns, int64_t stride, float *out) {
    const int halves = code_halves(packing);
#pragma GCC unroll 4
    for (int part = 0; part < DOT_PARTS; part += DOT_VECTORS) {
        vf sum[DOT_TOKENS * DOT_VECTORS];
#pragma GCC unroll 8
        for (int t = 0; t < tokens; t++)
            for (int v = 0; v < DOT_VECTORS; v++) sum[t * DOT_VECTORS + v] = v_load(out + t * HADAL_PACK_ROWS + (part + v) * LANES);
        for (int64_t i = 0; i < count; i++) {
            const int8_t *q = x + (origin + i) * 32, *block = x + columns + (origin + i) * (int64_t)sizeof(hadal_block);
#pragma GCC unroll 2
            for (int h = 0; h <= halves; h++) {
                vi dot[DOT_TOKENS * DOT_VECTORS];
                dot_block(1, packing, DOT_VECTORS, tokens, h * 4, halves ? 4 : 8, panel->lines[i] + part * LANES * 4, q, stride, dot);
#pragma GCC unroll 8
                for (int t = 0; t < tokens; t++) {
                    const hadal_block *of = (const hadal_block *)(block + t * stride);
#pragma GCC unroll 4
                    for (int v = 0; v < DOT_VECTORS; v++)
                        sum[t * DOT_VECTORS + v] = dot_scaled(
                            packing, sum[t * DOT_VECTORS + v], dot[t * DOT_VECTORS + v], v_load(panel->scale[i][h] + (part + v) * LANES),
                            v_load(panel->minimum[i][h] + (part + v) * LANES), of->scale, halves ? (h ? of->high : of->low) : of->sum);
                }
            }
        }
#pragma GCC unroll 8
        for (int t = 0; t < tokens; t++)
            for (int v = 0; v < DOT_VECTORS; v++) v_store(out + t * HADAL_PACK_ROWS + (part + v) * LANES, sum[t * DOT_VECTORS + v]);
    }
}

/* out[r] += the products of those blocks of a row x that are listed and in the panel, of `count` blocks from `origin` on. */
INLINE void dot_listed(
    uint32_t packing, const dot_panel *panel, const int32_t *listed, const int32_t *end, int64_t count, int64_t origin, const int8_t *x, int64_t columns, float *out) {
    const int halves = code_halves(packing);
    vf sum[DOT_PARTS];
    for (int p = 0; p < DOT_PARTS; p++) sum[p] = v_load(out + p * LANES);
    for (; listed < end && *listed < origin + count; listed++) {
        const int64_t i = *listed - origin;
        const hadal_block *block = (const hadal_block *)(x + columns) + *listed;
#pragma GCC unroll 2
        for (int h = 0; h <= halves; h++) {
            vi dot[DOT_PARTS];
            dot_block(1, packing, DOT_PARTS, 1, h * 4, halves ? 4 : 8, panel->lines[i], x + *listed * 32, 0, dot);
#pragma GCC unroll 4
            for (int p = 0; p < DOT_PARTS; p++)
                sum[p] = dot_scaled(
                    packing, sum[p], dot[p], v_load(panel->scale[i][h] + p * LANES), v_load(panel->minimum[i][h] + p * LANES), block->scale,
                    halves ? (h ? block->high : block->low) : block->sum);
        }
    }
    for (int p = 0; p < DOT_PARTS; p++) v_store(out + p * LANES, sum[p]);
}

/* All tokens with `count` blocks of a panel; `rest` takes what second terms give. */
typedef struct {
    const dot_panel *panel;
    int64_t tokens, count, origin;
    const int8_t *x;
    int64_t columns, stride, terms;
    float *out, *rest;
} dot_call;

INLINE void dot_tiles(uint32_t packing, const dot_call *call) {
    const int64_t tokens = call->tokens, count = call->count, columns = call->columns, stride = call->stride;
    const int tile = code_halves(packing) ? DOT_HALVES_TOKENS : DOT_TOKENS;
    int64_t t = 0;
    for (; t + tile <= tokens; t += tile)
        dot_tile(packing, tile, call->panel, count, call->origin, call->x + t * stride, columns, stride, call->out + t * HADAL_PACK_ROWS);
    for (; t + 2 <= tokens; t += 2)
        dot_tile(packing, 2, call->panel, count, call->origin, call->x + t * stride, columns, stride, call->out + t * HADAL_PACK_ROWS);
    if (t < tokens) dot_tile(packing, 1, call->panel, count, call->origin, call->x + t * stride, columns, stride, call->out + t * HADAL_PACK_ROWS);
    if (call->terms == 1) return;
    const int64_t term_bytes = hadal_term_bytes(columns);
    for (t = 0; t < tokens; t++) {
        const int8_t *second = call->x + t * stride + term_bytes;
        const int32_t *listed = (const int32_t *)(second + term_bytes), *end = listed + 1 + listed[0];
        for (listed++; listed < end && *listed < call->origin; listed++) {}
        if (listed < end && *listed < call->origin + count)
            dot_listed(packing, call->panel, listed, end, count, call->origin, second, columns, call->rest + t * HADAL_PACK_ROWS);
    }
}

/* Unpacked, types differ only in how their products may be added. */
static __attribute__((unused, noinline)) void dot_many(uint32_t packing, const dot_call *call) {
    switch (packing) {
    case HADAL_PACKED_4_HALVES: case HADAL_PACKED_4_HALVES_MIN: dot_tiles(HADAL_PACKED_4_HALVES, call); return;
    case HADAL_PACKED_6_HALVES: dot_tiles(HADAL_PACKED_6_HALVES, call); return;
    case HADAL_PACKED_8: case HADAL_PACKED_4_TABLE: case HADAL_PACKED_4_TABLE_SUPER: dot_tiles(HADAL_PACKED_8, call); return;
    case HADAL_PACKED_4: case HADAL_PACKED_4_MIN: case HADAL_PACKED_4_SUPER: dot_tiles(HADAL_PACKED_4, call); return;
    default: dot_tiles(HADAL_PACKED_5, call); return;
    }
}

/* out[t * 16 + r] for 16 rows and `tokens` (1 ... DOT_CHUNK) rows of activations, `stride` bytes apart, of one term or two. */
INLINE void dot_rows(uint32_t packing, const uint8_t *group, int64_t columns, const int8_t *x, int64_t stride, int64_t tokens, float *out) {
    const int64_t blocks = columns / HADAL_PACK_COLUMNS, terms = stride > hadal_term_bytes(columns) ? 2 : 1;
    if (tokens == 1) {
        dot_rows_one(packing, group, columns, x, terms, out);
        return;
    }
    dot_panel panel;
    float rest[DOT_CHUNK * HADAL_PACK_ROWS];
    memset(out, 0, (size_t)tokens * HADAL_PACK_ROWS * 4);
    if (terms > 1) memset(rest, 0, (size_t)tokens * HADAL_PACK_ROWS * 4);
    for (int64_t first = 0; first < blocks; first += DOT_PANEL) {
        const int64_t count = blocks - first < DOT_PANEL ? blocks - first : DOT_PANEL;
        dot_unpack(packing, group, blocks, first, count, &panel);
        const dot_call call = {&panel, tokens, count, first, x, columns, stride, terms, out, rest};
        dot_many(packing, &call);
    }
    if (terms > 1)
        for (int64_t i = 0; i < tokens * HADAL_PACK_ROWS; i += LANES) v_store(out + i, v_load(out + i) + v_load(rest + i));
}

/* Calls a function whose first argument is the packing, with that as a constant. */
#define DOT_EACH_PACKING(packing, function, ...)                                                                               \
    switch (packing) {                                                                                                         \
    case HADAL_PACKED_4: function(HADAL_PACKED_4, __VA_ARGS__); break;                                                         \
    case HADAL_PACKED_4_MIN: function(HADAL_PACKED_4_MIN, __VA_ARGS__); break;                                                 \
    case HADAL_PACKED_4_SUPER: function(HADAL_PACKED_4_SUPER, __VA_ARGS__); break;                                             \
    case HADAL_PACKED_4_FLOAT: function(HADAL_PACKED_4_FLOAT, __VA_ARGS__); break;                                             \
    case HADAL_PACKED_4_TABLE: function(HADAL_PACKED_4_TABLE, __VA_ARGS__); break;                                             \
    case HADAL_PACKED_4_TABLE_SUPER: function(HADAL_PACKED_4_TABLE_SUPER, __VA_ARGS__); break;                                 \
    case HADAL_PACKED_4_HALVES: function(HADAL_PACKED_4_HALVES, __VA_ARGS__); break;                                           \
    case HADAL_PACKED_4_HALVES_MIN: function(HADAL_PACKED_4_HALVES_MIN, __VA_ARGS__); break;                                   \
    case HADAL_PACKED_5: function(HADAL_PACKED_5, __VA_ARGS__); break;                                                         \
    case HADAL_PACKED_5_MIN: function(HADAL_PACKED_5_MIN, __VA_ARGS__); break;                                                 \
    case HADAL_PACKED_5_SUPER: function(HADAL_PACKED_5_SUPER, __VA_ARGS__); break;                                             \
    case HADAL_PACKED_6_HALVES: function(HADAL_PACKED_6_HALVES, __VA_ARGS__); break;                                           \
    default: function(HADAL_PACKED_8, __VA_ARGS__); break;                                                                     \
    }
