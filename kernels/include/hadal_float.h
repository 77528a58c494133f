/*
 * Products of float rows, as stored, with float32 rows: the inner loop of float weights and of attention over latents. Included once
 * per pass, after hadal_simd.h.
 */
#ifndef HADAL_FLOAT_NAMES
#define HADAL_FLOAT_NAMES
#define float_tile HADAL_FN(float_tile)
#define float8_tile HADAL_FN(float8_tile)
#define load_as HADAL_FN(load_as)
#define load_float8 HADAL_FN(load_float8)
#define floats_of_row HADAL_FN(floats_of_row)
#define weight_rows HADAL_FN(weight_rows)
#define weight_rows_times HADAL_FN(weight_rows_times)
#define weight_rows_add_as HADAL_FN(weight_rows_add_as)
#define weight_rows_add HADAL_FN(weight_rows_add)
#define panel_pack HADAL_FN(panel_pack)
#define panel_tile HADAL_FN(panel_tile)
#define vb8_unaligned HADAL_FN(vb8_unaligned)
#define vf8 HADAL_FN(vf8)
#define vf8_unaligned HADAL_FN(vf8_unaligned)
#endif
#undef FLOAT_ROWS
#undef FLOAT_TOKENS
#undef FLOAT_PREFETCH_DISTANCE
#undef PANEL_ROWS
#undef PANEL_COLUMNS
#undef PANEL_TOKENS
/* Rows and tokens of a tile. */
#define FLOAT_ROWS 4
#define FLOAT_TOKENS 2
/* How many bytes of a row ahead of their use are prefetched, into the second-level cache. */
#define FLOAT_PREFETCH_DISTANCE 2048

typedef float vf8 __attribute__((vector_size(32)));
typedef float vf8_unaligned __attribute__((vector_size(32), aligned(1), may_alias));
typedef uint8_t vb8_unaligned __attribute__((vector_size(LANES), aligned(1), may_alias));

/* LANES float8 e4m3 (1 sign, 4 exponent, 3 mantissa bits, bias 7; 0x7f and 0xff are NaN) as float32. */
INLINE vf load_float8(const uint8_t *p) {
#if LANES == 16
    __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p));
    __m256i magnitude = _mm256_and_si256(wide, _mm256_set1_epi16(0x7f));
    /* The bits of a float16 that is 256 times too small; NaN has all exponent bits there too. */
    __m256i half = _mm256_or_si256(_mm256_slli_epi16(magnitude, 7), _mm256_slli_epi16(_mm256_and_si256(wide, _mm256_set1_epi16(0x80)), 8));
    half = _mm256_or_si256(half, _mm256_and_si256(_mm256_cmpeq_epi16(magnitude, _mm256_set1_epi16(0x7f)), _mm256_set1_epi16(0x7e00)));
    return (vf)_mm512_cvtph_ps(half) * 256.0f;
#elif LANES == 8
    __m128i wide = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)p));
    __m128i magnitude = _mm_and_si128(wide, _mm_set1_epi16(0x7f));
    __m128i half = _mm_or_si128(_mm_slli_epi16(magnitude, 7), _mm_slli_epi16(_mm_and_si128(wide, _mm_set1_epi16(0x80)), 8));
    half = _mm_or_si128(half, _mm_and_si128(_mm_cmpeq_epi16(magnitude, _mm_set1_epi16(0x7f)), _mm_set1_epi16(0x7e00)));
    return (vf)_mm256_cvtph_ps(half) * 256.0f;
#else
    vi wide = __builtin_convertvector(*(const vb8_unaligned *)p, vi), magnitude = wide & 0x7f;
    vf value = (vf)(magnitude << 20) * 0x1p120f;
    return (vf)((vi)value | (wide & 0x80) << 24 | ((magnitude == 0x7f) & 0x7fc00000));
#endif
}

INLINE vf load_as(uint32_t dtype, const uint8_t *p) {
    if (dtype == HADAL_DTYPE_F32) return v_load(p);
    return dtype == HADAL_DTYPE_F16 ? v_load_f16(p) : v_load_bf16(p);
}

/*
 * out[t * 4 + r]: 4 rows w (fewer: pointers repeat) times `tokens` (1 or 2) rows of x. An element's bits do not depend on the others.
 * `next`: bytes from the end of a row of w to its counterpart in the tile that comes after this one.
 */
INLINE void float_tile(uint32_t dtype, int tokens, const uint8_t *const *w, int64_t next, const float *x, int64_t stride, int64_t n, float *out) {
    const int64_t size = dtype == HADAL_DTYPE_F32 ? 4 : 2, line = 64 / size, near = n - FLOAT_PREFETCH_DISTANCE / size;
    vf sum[4][2] = {{{0}, {0}}, {{0}, {0}}, {{0}, {0}}, {{0}, {0}}};
    int64_t i = 0;
    for (; i + line <= n; i += line) {
        const int64_t distance = i * size + FLOAT_PREFETCH_DISTANCE + (i < near ? 0 : next);
        for (int r = 0; r < 4; r++) __builtin_prefetch(w[r] + distance, 0, 2);
        for (int64_t j = i; j < i + line; j += LANES)
            for (int t = 0; t < tokens; t++) {
                vf v = v_load(x + t * stride + j);
                for (int r = 0; r < 4; r++) sum[r][t] += v * load_as(dtype, w[r] + j * size);
            }
    }
    for (; i + LANES <= n; i += LANES)
        for (int t = 0; t < tokens; t++) {
            vf v = v_load(x + t * stride + i);
            for (int r = 0; r < 4; r++) sum[r][t] += v * load_as(dtype, w[r] + i * size);
        }
    float rest[LANES];
    for (int r = 0; r < 4; r++) {
        if (i < n) floats_from(rest, w[r] + i * size, dtype, n - i);
        for (int t = 0; t < tokens; t++) {
            float total = v_reduce_add(sum[r][t]);
            for (int64_t j = i; j < n; j++) total += x[t * stride + j] * rest[j - i];
            out[t * 4 + r] = total;
        }
    }
}

/* The same for float8 rows: scales[r][c / block] multiplies column c of row r; NULL: 1. `block` is a multiple of 16. */
INLINE void float8_tile(int tokens, const uint8_t *const *w, const float *const *scales, int64_t block, const float *x, int64_t stride,
                        int64_t n, float *out) {
    vf sum[4][2] = {{{0}, {0}}, {{0}, {0}}, {{0}, {0}}, {{0}, {0}}};
    for (int64_t first = 0, b = 0; first < n; first += block, b++) {
        const int64_t end = n - first < block ? n : first + block;
        vf part[4][2] = {{{0}, {0}}, {{0}, {0}}, {{0}, {0}}, {{0}, {0}}};
        int64_t i = first;
        for (; i + LANES <= end; i += LANES)
            for (int r = 0; r < 4; r++) {
                vf v = load_float8(w[r] + i);
                for (int t = 0; t < tokens; t++) part[r][t] += v * v_load(x + t * stride + i);
            }
        if (i < end)
            for (int r = 0; r < 4; r++) {
                uint8_t rest[LANES] = {0};
                memcpy(rest, w[r] + i, (size_t)(end - i));
                vf v = load_float8(rest);
                for (int t = 0; t < tokens; t++) part[r][t] += v * v_load_part(x + t * stride + i, end - i);
            }
        for (int r = 0; r < 4; r++) {
            vf scale = v_splat(scales[r] ? scales[r][b] : 1.0f);
            for (int t = 0; t < tokens; t++) sum[r][t] += part[r][t] * scale;
        }
    }
    for (int r = 0; r < 4; r++)
        for (int t = 0; t < tokens; t++) out[t * 4 + r] = v_reduce_add(sum[r][t]);
}

/* n float8 elements with their scales, or n of another float type, as float32. */
INLINE void floats_of_row(float *to, const uint8_t *from, uint32_t dtype, const float *scales, int64_t block, int64_t n) {
    if (dtype != HADAL_DTYPE_F8_E4M3) {
        floats_from(to, from, dtype, n);
        return;
    }
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) v_store(to + i, load_float8(from + i) * (scales ? scales[i / block] : 1.0f));
    if (i < n) {
        uint8_t rest[LANES] = {0};
        memcpy(rest, from + i, (size_t)(n - i));
        v_store_part(to + i, load_float8(rest) * (scales ? scales[i / block] : 1.0f), n - i);
    }
}

/* ---- rows whose type is known at run time ------------------------------------------------------------------------ */

/* FLOAT_ROWS rows and the type of their elements, which is not float8; `next` is as in float_tile. */
typedef struct {
    const uint8_t *rows[FLOAT_ROWS];
    uint32_t dtype;
    int64_t next;
} weight_rows;

/* out[t * FLOAT_ROWS + r]: the rows times `tokens` rows of x, `stride` floats apart. */
INLINE void weight_rows_times(int tokens, const weight_rows *w, const float *x, int64_t stride, int64_t width, float *out) {
    switch (w->dtype) {
    case HADAL_DTYPE_F32: float_tile(HADAL_DTYPE_F32, tokens, w->rows, w->next, x, stride, width, out); return;
    case HADAL_DTYPE_F16: float_tile(HADAL_DTYPE_F16, tokens, w->rows, w->next, x, stride, width, out); return;
    default: float_tile(HADAL_DTYPE_BF16, tokens, w->rows, w->next, x, stride, width, out);
    }
}

/* to += the sum over `count` (<= 4) rows of factor * row, `width` elements each: whole vectors, or float32 rows. */
INLINE void weight_rows_add_as(uint32_t dtype, const weight_rows *w, const float *factors, int64_t count, int64_t width, float *to) {
    const int64_t size = dtype == HADAL_DTYPE_F32 ? 4 : 2, line = 64 / size;
    const uint8_t *const *rows = w->rows;
    int64_t i = 0;
    for (; i + line <= width; i += line) {
        for (int r = 0; r < 4; r++) __builtin_prefetch(rows[r] + i * size + FLOAT_PREFETCH_DISTANCE + w->next, 0, 2);
        for (int64_t j = i; j < i + line; j += LANES) {
            vf sum = v_load(to + j);
            for (int64_t r = 0; r < count; r++) sum += factors[r] * load_as(dtype, rows[r] + j * size);
            v_store(to + j, sum);
        }
    }
    for (; i + LANES <= width; i += LANES) {
        vf sum = v_load(to + i);
        for (int64_t r = 0; r < count; r++) sum += factors[r] * load_as(dtype, rows[r] + i * size);
        v_store(to + i, sum);
    }
    if (i == width) return;
    vf sum = v_load_part(to + i, width - i);
    for (int64_t r = 0; r < count; r++) sum += factors[r] * v_load_part((const float *)rows[r] + i, width - i);
    v_store_part(to + i, sum, width - i);
}

INLINE void weight_rows_add(const weight_rows *w, const float *factors, int64_t count, int64_t width, float *to) {
    switch (w->dtype) {
    case HADAL_DTYPE_F32: weight_rows_add_as(HADAL_DTYPE_F32, w, factors, count, width, to); return;
    case HADAL_DTYPE_F16: weight_rows_add_as(HADAL_DTYPE_F16, w, factors, count, width, to); return;
    default: weight_rows_add_as(HADAL_DTYPE_BF16, w, factors, count, width, to);
    }
}

/* ---- many tokens: panels ----------------------------------------------------------------------------------------- */

/* A panel is PANEL_ROWS rows of a weight, widened, column after column, PANEL_COLUMNS at a time: what the first level cache holds. */
#define PANEL_ROWS (2 * LANES)
#define PANEL_COLUMNS (LANES == 16 ? 256 : 384)
#define PANEL_TOKENS 6

/*
 * panel[c * PANEL_ROWS + r]: `columns` columns from `first` of `rows` rows of w, which lie `stride` bytes apart; other rows are zeros.
 * scales[r]: those of the blocks of `block` columns of a float8 weight's row; NULL: none.
 */
INLINE void panel_pack(uint32_t dtype, const uint8_t *w, int64_t stride, int64_t first, int64_t columns, int64_t rows, const float *const *scales,
                       int64_t block, float *panel) {
    const int64_t size = dtype == HADAL_DTYPE_F32 ? 4 : dtype == HADAL_DTYPE_F8_E4M3 ? 1 : 2;
    for (int64_t row = 0; row < PANEL_ROWS; row += 8) {
        float wide[8][PANEL_COLUMNS + 4];
        const float *lines[8];
        for (int64_t r = 0; r < 8; r++) {
            lines[r] = wide[r];
            if (row + r >= rows) {
                memset(wide[r], 0, sizeof wide[r]);
                continue;
            }
            const uint8_t *from = w + (row + r) * stride;
            /* Whole fours of float32 are read where they lie. */
            if (dtype == HADAL_DTYPE_F32 && columns % 4 == 0) {
                lines[r] = (const float *)from + first;
                continue;
            }
            const float *scale = scales ? scales[row + r] : 0;
            const int64_t run = scale ? block : columns;
            for (int64_t c = 0, end; c < columns; c = end) {
                end = scale ? ((first + c) / run + 1) * run - first : columns;
                if (end > columns) end = columns;
                floats_of_row(wide[r] + c, from + (first + c) * size, dtype, scale ? scale + (first + c) / run : 0, run, end - c);
            }
        }
        for (int64_t c = 0; c < columns; c += 4) {
            /* Four columns of rows r and r + 4 each; then two and four rows beside each other. */
            vf8 v[4], low[2], high[2];
            for (int r = 0; r < 4; r++)
                v[r] = __builtin_shufflevector(*(const vf4_unaligned *)(lines[r] + c), *(const vf4_unaligned *)(lines[r + 4] + c), 0, 1, 2, 3, 4, 5, 6, 7);
            for (int r = 0; r < 2; r++) {
                low[r] = __builtin_shufflevector(v[2 * r], v[2 * r + 1], 0, 8, 1, 9, 4, 12, 5, 13);
                high[r] = __builtin_shufflevector(v[2 * r], v[2 * r + 1], 2, 10, 3, 11, 6, 14, 7, 15);
            }
            float *to = panel + c * PANEL_ROWS + row;
            *(vf8_unaligned *)to = __builtin_shufflevector(low[0], low[1], 0, 1, 8, 9, 4, 5, 12, 13);
            *(vf8_unaligned *)(to + PANEL_ROWS) = __builtin_shufflevector(low[0], low[1], 2, 3, 10, 11, 6, 7, 14, 15);
            *(vf8_unaligned *)(to + 2 * PANEL_ROWS) = __builtin_shufflevector(high[0], high[1], 0, 1, 8, 9, 4, 5, 12, 13);
            *(vf8_unaligned *)(to + 3 * PANEL_ROWS) = __builtin_shufflevector(high[0], high[1], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    }
}

/*
 * sum[t][0 and 1] += `columns` columns of `tokens` (at most PANEL_TOKENS) rows of x, `stride` floats apart, times a panel.
 * What lies `ahead` floats after each is prefetched; 0: nothing.
 */
INLINE void panel_tile(int tokens, const float *panel, const float *x, int64_t stride, int64_t ahead, int64_t columns, vf (*sum)[2]) {
    vf s[PANEL_TOKENS][2];
    for (int t = 0; t < tokens; t++) s[t][0] = sum[t][0], s[t][1] = sum[t][1];
    /* Two pointers, from which an address reaches three rows each. */
    const float *low = x, *high = x + 3 * stride, *last = panel + columns * PANEL_ROWS;
    while (panel < last) {
        const float *end = last - panel < 16 * PANEL_ROWS ? last : panel + 16 * PANEL_ROWS;
        for (int t = 0; t < tokens; t++) __builtin_prefetch((t < 3 ? low + t * stride : high + (t - 3) * stride) + ahead);
        for (; panel < end; panel += PANEL_ROWS, low++, high++) {
            vf a = v_load(panel), b = v_load(panel + LANES);
            for (int t = 0; t < tokens; t++) {
                vf v = v_splat(t < 3 ? low[t * stride] : high[(t - 3) * stride]);
                s[t][0] += v * a;
                s[t][1] += v * b;
            }
        }
    }
    for (int t = 0; t < tokens; t++) sum[t][0] = s[t][0], sum[t][1] = s[t][1];
}
