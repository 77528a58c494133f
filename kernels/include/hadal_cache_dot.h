/*
 * Products of float32 rows with tiles of a Q8_0 cache, as integers. Included once per pass, after hadal_cache.h and hadal_intrinsics.h; it has code where the
 * instruction set multiplies bytes in groups of four (AVX-512 VNNI).
 *
 * The float32 side is quantised to 16 bits, in two planes of bytes: high * 256 + low. Of queries that is a block of 32 at a time, of probabilities a tile:
 * its keys' probabilities times their values' scales, 65535 being the largest product. Sums of integers are exact: what a row gets does not depend on how many
 * rows or keys stand beside it.
 *
 * A tile is at most CACHE_TILE neighbouring rows of a cache, `bytes` apart.
 */
#if HADAL_ISA == 3
#ifndef HADAL_CACHE_DOT_NAMES
#define HADAL_CACHE_DOT_NAMES
enum { CACHE_TILE = 64, CACHE_TILE_GROUPS = CACHE_TILE / 4 };

/* A block of a query. correction: what the products are off because keys' bytes are multiplied with 128 added. */
typedef struct {
    int8_t high[CACHE_BLOCK], low[CACHE_BLOCK];
    float scale;
    int32_t correction;
} cache_query;

/* A tile's weights of a row for a block of values: those of keys 4 g ... 4 g + 3 are the four bytes at cache_weight_at(g). */
typedef struct {
    uint8_t high[CACHE_TILE], low[CACHE_TILE];
} cache_weights;

static inline int64_t cache_weight_at(int64_t group) { return 16 * (group % 4) + 4 * (group / 4); }
#endif

/* n elements of a query as blocks; the last one is padded with zeros. */
INLINE void cache_quantise_query(cache_query *to, const float *query, int64_t n) {
    for (; n > 0; n -= CACHE_BLOCK, query += CACHE_BLOCK, to++) {
        const vf x[2] = {n >= LANES ? v_load(query) : v_load_part(query, n),
                         n >= 2 * LANES ? v_load(query + LANES) : n > LANES ? v_load_part(query + LANES, n - LANES) : (vf){0}};
        const float most = v_reduce_max(v_max((vf)((vi)x[0] & 0x7fffffff), (vf)((vi)x[1] & 0x7fffffff)));
        const float inverse = most > 1e-30f ? 32639 / most : 0; /* 127 * 256 + 127 */
        vi sum = {0};
        for (int i = 0; i < 2; i++) {
            const vi whole = (vi)_mm512_cvtps_epi32((__m512)(x[i] * inverse)), high = (whole + 128) >> 8;
            *(vbytes_unaligned *)(to->high + i * LANES) = __builtin_convertvector(high, vbytes);
            *(vbytes_unaligned *)(to->low + i * LANES) = __builtin_convertvector(whole - high * 256, vbytes);
            sum += whole;
        }
        to->scale = most > 1e-30f ? most / 32639 : 0;
        to->correction = -128 * _mm512_reduce_add_epi32((__m512i)sum);
    }
}

/* to[b * CACHE_TILE + j]: the scale of block b of row j, a float16; 0 of rows from `count` on. */
INLINE void cache_copy_scales(uint16_t *to, const char *rows, int64_t bytes, int64_t count, int64_t blocks) {
    for (int64_t b = 0; b < blocks; b++, to += CACHE_TILE, rows += CACHE_BLOCK_BYTES) {
        const char *row = rows;
#pragma GCC unroll 8
        for (int64_t j = 0; j < count; j++, row += bytes) {
            memcpy(to + j, row, 2);
            __asm__("" : "+r"(row)); /* vectors of addresses are slower */
        }
        for (int64_t j = count; j < CACHE_TILE; j++) to[j] = 0;
    }
}

/* The 32 bytes at `a` and at `b`. */
INLINE __m512i cache_two(const char *a, const char *b) {
    __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)a)), _mm256_loadu_si256((const __m256i *)b), 1);
    __asm__("" : "+v"(both)); /* compilers find longer ways to write the shuffles that follow */
    return both;
}

/* columns[i], lane j: bytes 4 i ... 4 i + 3 of the 32 bytes at rows + j * bytes. */
INLINE void cache_transpose(const char *rows, int64_t bytes, __m512i *columns) {
    __m512i quarter[2][4];
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++, rows += 8 * bytes) {
        const char *other = rows + 4 * bytes;
        const __m512i row[4] = {
            cache_two(rows, other), cache_two(rows + bytes, other + bytes), cache_two(rows + 2 * bytes, other + 2 * bytes),
            cache_two(rows + 3 * bytes, other + 3 * bytes)};
        const __m512i a = _mm512_unpacklo_epi32(row[0], row[1]), b = _mm512_unpackhi_epi32(row[0], row[1]);
        const __m512i c = _mm512_unpacklo_epi32(row[2], row[3]), d = _mm512_unpackhi_epi32(row[2], row[3]);
        quarter[half][0] = _mm512_unpacklo_epi64(a, c);
        quarter[half][1] = _mm512_unpackhi_epi64(a, c);
        quarter[half][2] = _mm512_unpacklo_epi64(b, d);
        quarter[half][3] = _mm512_unpackhi_epi64(b, d);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        columns[i] = _mm512_shuffle_i64x2(quarter[0][i], quarter[1][i], 0x88);
        columns[4 + i] = _mm512_shuffle_i64x2(quarter[0][i], quarter[1][i], 0xdd);
    }
}

/* The bytes of block b of `rows` (<= 16) rows at `at`, the last one repeated up to 16, 32 bytes apart. */
static __attribute__((noinline, unused)) void cache_copy_rows(char *to, const char *at, int64_t bytes, int64_t count, int64_t rows) {
    for (int64_t j = 0; j < rows; j++) memcpy(to + j * CACHE_BLOCK, at + (j < count ? j : count - 1) * bytes, CACHE_BLOCK);
}

INLINE __m512i cache_four(const void *p) {
    int32_t four;
    memcpy(&four, p, 4);
    return _mm512_set1_epi32(four);
}

/*
 * scores[r * CACHE_TILE + j] = query r . key j for keys `first` ... first + 15, those from `count` on like the last one. Block b of query r is at
 * queries[r * blocks + b]; scales as cache_copy_scales gives them.
 */
INLINE void cache_scores(
    float *scores, const cache_query *queries, int64_t rows, int64_t blocks, const char *keys, int64_t bytes, int64_t first, int64_t count, int64_t b,
    const uint16_t *scales) {
    __m512i column[8];
    char copy[LANES * CACHE_BLOCK];
    const char *at = keys + first * bytes + b * CACHE_BLOCK_BYTES + 2;
    if (count - first < LANES) {
        cache_copy_rows(copy, at, bytes, count - first, LANES);
        at = copy, bytes = CACHE_BLOCK;
    }
    cache_transpose(at, bytes, column);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) column[i] = _mm512_xor_si512(column[i], _mm512_set1_epi32((int32_t)0x80808080));
    const vf scale = v_load_f16(scales + b * CACHE_TILE + first);
    for (int64_t r = 0; r < rows; r++) {
        const cache_query *query = queries + r * blocks + b;
        __m512i high = _mm512_setzero_si512(), low = _mm512_set1_epi32(query->correction);
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
            high = _mm512_dpbusd_epi32(high, column[i], cache_four(query->high + 4 * i));
            low = _mm512_dpbusd_epi32(low, column[i], cache_four(query->low + 4 * i));
        }
        const vf product = (vf)_mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(high, 8), low));
        float *to = scores + r * CACHE_TILE + first;
        const vf scaled = product * (scale * query->scale);
        v_store(to, b == 0 ? scaled : v_load(to) + scaled);
    }
}

/*
 * The bytes of four rows from `row` on, those from `count` on like the last one: lane i of to[0] is column i of the four for i < 8, else column i + 8; to[1] has
 * the columns after those.
 */
INLINE void cache_interleave(int8_t *to, const char *values, int64_t bytes, int64_t row, int64_t count, int64_t b) {
    char copy[4 * CACHE_BLOCK];
    const char *at = values + row * bytes + b * CACHE_BLOCK_BYTES + 2;
    if (count - row < 4) {
        cache_copy_rows(copy, at, bytes, count - row, 4);
        at = copy, bytes = CACHE_BLOCK;
    }
    const __m512i even = cache_two(at, at + 2 * bytes), odd = cache_two(at + bytes, at + 3 * bytes);
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    __m512i low = _mm512_unpacklo_epi8(even, odd), high = _mm512_unpackhi_epi8(even, odd);
    __asm__("" : "+v"(low), "+v"(high));
    _mm512_storeu_si512(to, _mm512_permutexvar_epi16(order, low));
    _mm512_storeu_si512(to + 64, _mm512_permutexvar_epi16(order, high));
}

/* A row's weights for a block: p[j] * shares[j], rounded. p is at most 65535, shares are the keys' scales over the largest of them. */
INLINE void cache_weigh(cache_weights *to, const float *p, const float *shares) {
    __m512i whole[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) whole[i] = _mm512_cvtps_epi32((__m512)(v_load(p + i * LANES) * v_load(shares + i * LANES)));
    const __m512i a = _mm512_packus_epi32(whole[0], whole[1]), b = _mm512_packus_epi32(whole[2], whole[3]), byte = _mm512_set1_epi16(255);
    _mm512_storeu_si512(to->high, _mm512_packus_epi16(_mm512_srli_epi16(a, 8), _mm512_srli_epi16(b, 8)));
    _mm512_storeu_si512(to->low, _mm512_packus_epi16(_mm512_and_si512(a, byte), _mm512_and_si512(b, byte)));
}

/*
 * acc[r * width + i] = acc * decay[r] + factor[r] * sum over the tile's keys of weight * value, for `rows` (1 ... 4) rows and the `n` (<= 32) columns of a
 * block, whose interleaved bytes are at `values`. Row r's weights are at weights[r * blocks].
 */
INLINE void cache_accumulate(
    int rows, float *acc, int64_t width, int64_t n, const float *decay, const float *factor, const cache_weights *weights, int64_t blocks, const int8_t *values,
    int64_t groups) {
    __m512i high[4][2], low[4][2];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) high[r][0] = high[r][1] = low[r][0] = low[r][1] = _mm512_setzero_si512();
    for (int64_t g = 0; g < groups; g++) {
        const __m512i first = _mm512_loadu_si512(values + g * 128), second = _mm512_loadu_si512(values + g * 128 + 64);
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            const __m512i upper = cache_four(weights[r * blocks].high + cache_weight_at(g)), lower = cache_four(weights[r * blocks].low + cache_weight_at(g));
            high[r][0] = _mm512_dpbusd_epi32(high[r][0], upper, first);
            high[r][1] = _mm512_dpbusd_epi32(high[r][1], upper, second);
            low[r][0] = _mm512_dpbusd_epi32(low[r][0], lower, first);
            low[r][1] = _mm512_dpbusd_epi32(low[r][1], lower, second);
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
        const __m512 first = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(high[r][0], 8), low[r][0]));
        const __m512 second = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(high[r][1], 8), low[r][1]));
        const vf sums[2] = {(vf)_mm512_shuffle_f32x4(first, second, 0x44), (vf)_mm512_shuffle_f32x4(first, second, 0xee)};
        for (int i = 0; i < 2; i++) {
            float *to = acc + r * width + i * LANES;
            const int64_t left = n - i * LANES;
            if (left >= LANES)
                v_store(to, v_load(to) * decay[r] + sums[i] * factor[r]);
            else if (left > 0)
                v_store_part(to, v_load_part(to, left) * decay[r] + sums[i] * factor[r], left);
        }
    }
}
#endif
