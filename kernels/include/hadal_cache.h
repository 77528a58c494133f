/* Rows of paged caches, shared by the kinds of attention. Included once per pass, after hadal_simd.h. */
#ifndef HADAL_CACHE_NAMES
#define HADAL_CACHE_NAMES
#define step_sequence HADAL_FN(step_sequence)
#define cache_row HADAL_FN(cache_row)
#define cache_store HADAL_FN(cache_store)
#endif

INLINE const hadal_sequence *step_sequence(const hadal_step *step, uint32_t index) {
    return (const hadal_sequence *)((const char *)step->sequences + (size_t)index * step->sequence_stride);
}

/* Where `token` of the sequence lives for `head`. */
INLINE char *cache_row(const hadal_kernel_state *state, const hadal_step *step, const hadal_sequence *sequence, int64_t head, int64_t token) {
    int64_t page = step->pages[sequence->first_page + token / state->page_tokens];
    int64_t row = (page * state->heads + head) * state->page_tokens + token % state->page_tokens;
    return (char *)state->data + row * state->width * (state->dtype == HADAL_DTYPE_F32 ? 4 : 2);
}

/* Writes n elements of the cache's type. */
INLINE void cache_store(uint32_t dtype, char *to, const float *from, int64_t n) {
    if (dtype == HADAL_DTYPE_F32) {
        memcpy(to, from, (size_t)n * 4);
        return;
    }
    if (dtype == HADAL_DTYPE_BF16) {
        for (int64_t i = 0; i < n; i++) {
            uint16_t h = f32_to_bf16(from[i]);
            memcpy(to + 2 * i, &h, 2);
        }
        return;
    }
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) v_store_f16(to + 2 * i, v_load(from + i));
    for (; i < n; i++) {
        uint16_t h = f32_to_f16(from[i]);
        memcpy(to + 2 * i, &h, 2);
    }
}
