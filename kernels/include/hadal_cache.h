/*
 * Rows of paged caches, shared by the kinds of attention. Included once per pass, after hadal_simd.h.
 *
 * A row of a Q8_0 cache is blocks of 32 elements as GGUF files have them, a float16 scale and 32 signed bytes, the last one padded with
 * zeros; then zeros up to a multiple of 4 bytes.
 */
#ifndef HADAL_CACHE_NAMES
#define HADAL_CACHE_NAMES
#define step_sequence HADAL_FN(step_sequence)
#define cache_row_bytes HADAL_FN(cache_row_bytes)
#define cache_row HADAL_FN(cache_row)
#define slot_row HADAL_FN(slot_row)
#define state_before HADAL_FN(state_before)
#define state_after HADAL_FN(state_after)
#define cache_block_store HADAL_FN(cache_block_store)
#define cache_store_joined HADAL_FN(cache_store_joined)
#define cache_store HADAL_FN(cache_store)
#define cache_lanes HADAL_FN(cache_lanes)
#define cache_element HADAL_FN(cache_element)
#define cache_floats HADAL_FN(cache_floats)
/* Elements and bytes of a block. */
enum { CACHE_BLOCK = 32, CACHE_BLOCK_BYTES = 34 };
#endif

INLINE const hadal_sequence *step_sequence(const hadal_step *step, uint32_t index) {
    return (const hadal_sequence *)((const char *)step->sequences + (size_t)index * step->sequence_stride);
}

/* Bytes from one row to the next. */
INLINE int64_t cache_row_bytes(uint32_t dtype, int64_t width) {
    if (dtype == HADAL_DTYPE_Q8_0) return ((width + CACHE_BLOCK - 1) / CACHE_BLOCK * CACHE_BLOCK_BYTES + 3) / 4 * 4;
    return width * (dtype == HADAL_DTYPE_F32 ? 4 : 2);
}

/* Where `token` of the sequence lives for `head`. */
INLINE char *cache_row(const hadal_kernel_state *state, const hadal_step *step, const hadal_sequence *sequence, int64_t head, int64_t token) {
    int64_t page = step->pages[sequence->first_page + token / state->page_tokens];
    int64_t row = (page * state->heads + head) * state->page_tokens + token % state->page_tokens;
    return (char *)state->data + row * cache_row_bytes(state->dtype, state->width);
}

/* ---- states of fixed size ---------------------------------------------------------------------------------------- */

INLINE float *slot_row(const hadal_kernel_state *state, uint32_t slot, int64_t head, int64_t row) {
    return (float *)state->data + (((int64_t)slot * state->heads + head) * state->page_tokens + row) * state->width;
}

/* Row `row` of `head` as the sequence's last step left it; rows follow each other. NULL before the first token: zeros. */
INLINE const float *state_before(const hadal_kernel_state *state, const hadal_sequence *sequence, int64_t head, int64_t row) {
    return sequence->past ? slot_row(state, sequence->slot_before, head, row) : NULL;
}

/* Where this step leaves it. Every row of every head is to be written. */
INLINE float *state_after(const hadal_kernel_state *state, const hadal_sequence *sequence, int64_t head, int64_t row) {
    return slot_row(state, sequence->slot_after, head, row);
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* A block as GGUF's quantisation has it: the largest magnitude is 127, ties go away from zero. */
INLINE void cache_block_store(char *to, const float *from) {
    vf top = {0};
    for (int i = 0; i < CACHE_BLOCK; i += LANES) top = v_max(top, (vf)((vi)v_load(from + i) & 0x7fffffff));
    const float scale = v_reduce_max(top) / 127, inverse = scale > 0 ? 1 / scale : 0;
    const uint16_t stored = f32_to_f16(scale);
    memcpy(to, &stored, 2);
    for (int i = 0; i < CACHE_BLOCK; i += LANES) {
        const vf x = v_load(from + i) * inverse, magnitude = v_min(v_max((vf)((vi)x & 0x7fffffff), v_splat(0)), v_splat(127));
        const vi whole = __builtin_convertvector(magnitude, vi);
        const vi rounded = whole - (magnitude - __builtin_convertvector(whole, vf) >= v_splat(0.5f)), sign = (vi)x >> 31;
        *(vbytes_unaligned *)(to + 2 + i) = __builtin_convertvector((rounded ^ sign) - sign, vbytes);
    }
}

/* Writes a row of the cache's type: n elements, then `more` of another place. */
INLINE void cache_store_joined(uint32_t dtype, char *to, const float *from, int64_t n, const float *rest, int64_t more) {
    if (dtype == HADAL_DTYPE_Q8_0) {
        char *const end = to + cache_row_bytes(dtype, n + more);
        for (int64_t first = 0; first < n + more; first += CACHE_BLOCK, to += CACHE_BLOCK_BYTES) {
            float block[CACHE_BLOCK] = {0};
            const int64_t begin = first < n ? n - first : 0, own = begin < CACHE_BLOCK ? begin : CACHE_BLOCK;
            const int64_t left = n + more - first, other = (left < CACHE_BLOCK ? left : CACHE_BLOCK) - own;
            if (own > 0) memcpy(block, from + first, (size_t)own * 4);
            if (other > 0) memcpy(block + own, rest + (first + own - n), (size_t)other * 4);
            cache_block_store(to, block);
        }
        memset(to, 0, (size_t)(end - to));
        return;
    }
    const int64_t size = dtype == HADAL_DTYPE_F32 ? 4 : 2;
    for (int part = 0; part < 2; part++, to += n * size, from = rest, n = more) {
        if (dtype == HADAL_DTYPE_F32) {
            memcpy(to, from, (size_t)n * 4);
            continue;
        }
        int64_t i = 0;
        if (dtype == HADAL_DTYPE_F16)
            for (; i + LANES <= n; i += LANES) v_store_f16(to + 2 * i, v_load(from + i));
        for (; i < n; i++) {
            const uint16_t h = dtype == HADAL_DTYPE_F16 ? f32_to_f16(from[i]) : f32_to_bf16(from[i]);
            memcpy(to + 2 * i, &h, 2);
        }
    }
}

/* Writes n elements of the cache's type; of a quantised one that is a whole row. */
INLINE void cache_store(uint32_t dtype, char *to, const float *from, int64_t n) { cache_store_joined(dtype, to, from, n, from, 0); }

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* LANES elements of a row from element i on, a multiple of LANES. */
INLINE vf cache_lanes(uint32_t dtype, const char *row, int64_t i) {
    if (dtype == HADAL_DTYPE_Q8_0) {
        const char *block = row + i / CACHE_BLOCK * CACHE_BLOCK_BYTES;
        return v_load_i8(block + 2 + i % CACHE_BLOCK) * v_splat_f16(block);
    }
    if (dtype == HADAL_DTYPE_F32) return v_load(row + i * 4);
    return dtype == HADAL_DTYPE_F16 ? v_load_f16(row + i * 2) : v_load_bf16(row + i * 2);
}
INLINE float cache_element(uint32_t dtype, const char *row, int64_t i) {
    if (dtype == HADAL_DTYPE_Q8_0) {
        const char *block = row + i / CACHE_BLOCK * CACHE_BLOCK_BYTES;
        uint16_t scale;
        memcpy(&scale, block, 2);
        return (float)(int8_t)block[2 + i % CACHE_BLOCK] * f16_to_f32(scale);
    }
    float x;
    floats_from(&x, row + i * (dtype == HADAL_DTYPE_F32 ? 4 : 2), dtype, 1);
    return x;
}

/* Neighbouring rows of n elements as float32, n floats apart. */
INLINE void cache_floats(float *to, const char *rows, uint32_t dtype, int64_t count, int64_t n) {
    if (dtype != HADAL_DTYPE_Q8_0) {
        floats_from(to, rows, dtype, count * n);
        return;
    }
    const int64_t bytes = cache_row_bytes(dtype, n);
    for (int64_t row = 0; row < count; row++, rows += bytes, to += n) {
        int64_t i = 0;
        for (; i + LANES <= n; i += LANES) v_store(to + i, cache_lanes(dtype, rows, i));
        for (; i < n; i++) to[i] = cache_element(dtype, rows, i);
    }
}
