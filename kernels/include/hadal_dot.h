/*
 * Products of one packed group of 16 weight rows with quantised rows of activations. Included once per pass, after hadal_simd.h.
 *
 * A vector holds LANES rows times 4 columns of codes; one broadcast of 4 activations meets all of them. With VNNI that is one
 * instruction; with AVX2 and AVX-512 without it, unsigned times signed bytes are added in pairs to 16 bits: 4-bit codes can be summed over a whole
 * block there (8 * 2 * 15 * 127 < 2^15), 8-bit codes are made unsigned by moving their signs to the activations.
 */
#ifndef HADAL_DOT_NAMES
#define HADAL_DOT_NAMES
#define dot_group HADAL_FN(dot_group)
#define dot_tile HADAL_FN(dot_tile)
#define dot_nibbles HADAL_FN(dot_nibbles)
#define dot_bytes HADAL_FN(dot_bytes)
#define broadcast4 HADAL_FN(broadcast4)
#define vb_loose HADAL_FN(vb_loose)
#define widen_bytes HADAL_FN(widen_bytes)
#endif
#undef DOT_TOKENS
#undef DOT_PARTS
/* Tokens whose sums are kept in registers at once; vectors that 16 rows take. */
#if HADAL_ISA >= 2
#define DOT_TOKENS 8
#else
#define DOT_TOKENS 4
#endif
#define DOT_PARTS (HADAL_PACK_ROWS / LANES)

typedef uint8_t vb_loose __attribute__((vector_size(LANES), aligned(1), may_alias));

INLINE vf widen_bytes(const uint8_t *p) { return __builtin_convertvector(__builtin_convertvector(*(const vb_loose *)p, vi), vf); }

INLINE vi broadcast4(const int8_t *p) {
    int32_t four;
    memcpy(&four, p, 4);
    return four - (vi){0};
}

/* Twice the 4-bit float that a code stands for, plus 12. */
#define DOT_FLOATS 12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0

/* dot[t] = sum over the 32 columns of 4-bit codes times x[t]; with `lookup` (a constant), of what DOT_FLOATS has for them. */
INLINE void dot_nibbles(int lookup, int tokens, const uint8_t *codes, const int8_t *x, int64_t stride, vi *dot) {
#if HADAL_ISA == 0
    static const uint8_t floats[16] = {DOT_FLOATS};
    for (int t = 0; t < tokens; t++) {
        int32_t sum[LANES] = {0};
        for (int j = 0; j < 4; j++)
            for (int r = 0; r < LANES; r++)
                for (int k = 0; k < 4; k++) {
                    int byte = codes[j * 64 + r * 4 + k], low = byte & 15, high = byte >> 4;
                    if (lookup) low = floats[low], high = floats[high];
                    sum[r] += low * x[t * stride + j * 4 + k] + high * x[t * stride + 16 + j * 4 + k];
                }
        memcpy(&dot[t], sum, sizeof sum);
    }
#else
    for (int t = 0; t < tokens; t++) dot[t] = (vi){0};
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        vi both = *(const vi_loose *)(codes + j * 64);
        vi low = both & 0x0f0f0f0f, high = (vi)((vu)both >> 4) & 0x0f0f0f0f;
        if (lookup) {
            const __m128i table = _mm_setr_epi8(DOT_FLOATS);
#if HADAL_ISA >= 2
            low = (vi)_mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), (__m512i)low);
            high = (vi)_mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), (__m512i)high);
#else
            low = (vi)_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), (__m256i)low);
            high = (vi)_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), (__m256i)high);
#endif
        }
#pragma GCC unroll 8
        for (int t = 0; t < tokens; t++) {
            vi a = broadcast4(x + t * stride + j * 4), b = broadcast4(x + t * stride + 16 + j * 4);
#if HADAL_ISA == 3
            dot[t] = (vi)_mm512_dpbusd_epi32((__m512i)dot[t], (__m512i)low, (__m512i)a);
            dot[t] = (vi)_mm512_dpbusd_epi32((__m512i)dot[t], (__m512i)high, (__m512i)b);
#elif HADAL_ISA == 2
            __m512i pair = _mm512_add_epi16(_mm512_maddubs_epi16((__m512i)low, (__m512i)a), _mm512_maddubs_epi16((__m512i)high, (__m512i)b));
            /* 8 * 2 * 24 * 127 is beyond 16 bits. */
            if (lookup)
                dot[t] += (vi)_mm512_madd_epi16(pair, _mm512_set1_epi16(1));
            else
                dot[t] = (vi)_mm512_add_epi16((__m512i)dot[t], pair);
#else
            __m256i pair = _mm256_add_epi16(_mm256_maddubs_epi16((__m256i)low, (__m256i)a), _mm256_maddubs_epi16((__m256i)high, (__m256i)b));
            if (lookup)
                dot[t] += (vi)_mm256_madd_epi16(pair, _mm256_set1_epi16(1));
            else
                dot[t] = (vi)_mm256_add_epi16((__m256i)dot[t], pair);
#endif
        }
    }
    if (lookup) return;
#if HADAL_ISA == 2
    for (int t = 0; t < tokens; t++) dot[t] = (vi)_mm512_madd_epi16((__m512i)dot[t], _mm512_set1_epi16(1));
#elif HADAL_ISA == 1
    for (int t = 0; t < tokens; t++) dot[t] = (vi)_mm256_madd_epi16((__m256i)dot[t], _mm256_set1_epi16(1));
#endif
#endif
}

/* dot[t] = sum over `lines` lines of 4 columns of 8-bit codes times x[t]. With VNNI the codes carry 128 too much. */
INLINE void dot_bytes(int tokens, int lines, const uint8_t *codes, const int8_t *x, int64_t stride, vi *dot) {
#if HADAL_ISA == 0
    for (int t = 0; t < tokens; t++) {
        int32_t sum[LANES] = {0};
        for (int j = 0; j < lines; j++)
            for (int r = 0; r < LANES; r++)
                for (int k = 0; k < 4; k++) sum[r] += (int8_t)codes[j * 64 + r * 4 + k] * x[t * stride + j * 4 + k];
        memcpy(&dot[t], sum, sizeof sum);
    }
#else
    for (int t = 0; t < tokens; t++) dot[t] = (vi){0};
#pragma GCC unroll 8
    for (int j = 0; j < lines; j++) {
        vi w = *(const vi_loose *)(codes + j * 64);
#if HADAL_ISA == 2
        const __m512i magnitude = _mm512_abs_epi8((__m512i)w);
        const __mmask64 negative = _mm512_movepi8_mask((__m512i)w);
#elif HADAL_ISA == 1
        const __m256i magnitude = _mm256_abs_epi8((__m256i)w);
#endif
#pragma GCC unroll 8
        for (int t = 0; t < tokens; t++) {
            vi a = broadcast4(x + t * stride + j * 4);
#if HADAL_ISA == 3
            dot[t] = (vi)_mm512_dpbusd_epi32((__m512i)dot[t], (__m512i)w, (__m512i)a);
#elif HADAL_ISA == 2
            __m512i moved = _mm512_mask_sub_epi8((__m512i)a, negative, _mm512_setzero_si512(), (__m512i)a);
            __m512i pair = _mm512_maddubs_epi16(magnitude, moved);
            dot[t] += (vi)_mm512_madd_epi16(pair, _mm512_set1_epi16(1));
#else
            __m256i pair = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8((__m256i)a, (__m256i)w));
            dot[t] += (vi)_mm256_madd_epi16(pair, _mm256_set1_epi16(1));
#endif
        }
    }
#endif
}

/*
 * sum[t * parts + p] for `parts` vectors of rows from `part` on. codes: the group. x: the first row of quantised activations.
 * `packing`, `tokens` and `parts` are constants where this is called: each combination becomes its own loop.
 */
INLINE void dot_tile(uint32_t packing, int tokens, int part, int parts, const uint8_t *codes, int64_t columns, const int8_t *x, int64_t stride, vf *sum) {
    const int64_t blocks = columns / HADAL_PACK_COLUMNS, code_bytes = hadal_packed_code_bytes(packing);
    const uint8_t *scales = codes + blocks * code_bytes;
    const int32_t offset = packing == HADAL_PACKED_4 ? 8 : packing == HADAL_PACKED_4_FLOAT ? 12 : HADAL_ISA == 3 && packing >= HADAL_PACKED_8 ? 128 : 0;
    for (int i = 0; i < tokens * parts; i++) sum[i] = (vf){0};
    vf super_scale[DOT_PARTS], super_minimum[DOT_PARTS];
    for (int64_t b = 0; b < blocks; b++) {
        const uint8_t *block_codes = codes + b * code_bytes;
        if (tokens == 1)
            for (int64_t line = 0; line < code_bytes; line += 64) __builtin_prefetch(block_codes + 4096 + line);
#pragma GCC unroll 4
        for (int p = 0; p < parts; p++) {
            const int64_t lane = (part + p) * LANES; /* first row of this vector */
            const uint8_t *at = block_codes + lane * 4;
            vi dot[DOT_TOKENS];
            if (packing == HADAL_PACKED_8_HALVES || packing == HADAL_PACKED_8_HALVES_MIN) {
                const float *scale = (const float *)(scales + b * (packing == HADAL_PACKED_8_HALVES ? 128 : 256)) + lane;
#pragma GCC unroll 2
                for (int h = 0; h < 2; h++) {
                    dot_bytes(tokens, 4, at + h * 256, x + b * 32 + h * 16, stride, dot);
                    vf s = v_load(scale + h * 16);
#pragma GCC unroll 8
                    for (int t = 0; t < tokens; t++) {
                        const hadal_block *block = (const hadal_block *)(x + t * stride + columns) + b;
                        const int32_t total = h == 0 ? block->low : block->high;
                        vf product = __builtin_convertvector(dot[t] - offset * total, vf);
                        sum[t * parts + p] += product * (s * block->scale);
                        if (packing == HADAL_PACKED_8_HALVES_MIN)
                            sum[t * parts + p] += v_load(scale + 32 + h * 16) * (block->scale * (float)total);
                    }
                }
                continue;
            }
            if (packing == HADAL_PACKED_8)
                dot_bytes(tokens, 8, at, x + b * 32, stride, dot);
            else
                dot_nibbles(packing == HADAL_PACKED_4_FLOAT, tokens, at, x + b * 32, stride, dot);
            vf s, m = {0};
            if (packing == HADAL_PACKED_4_SUPER) {
                const uint8_t *super = scales + b / 8 * 320, *pair = super + 64 + b % 8 * 32;
                if (b % 8 == 0) {
                    super_scale[p] = v_load_f16(super + 2 * lane);
                    super_minimum[p] = -v_load_f16(super + 32 + 2 * lane);
                }
                s = super_scale[p] * widen_bytes(pair + lane);
                m = super_minimum[p] * widen_bytes(pair + 16 + lane);
            } else if (packing == HADAL_PACKED_4_FLOAT) {
                /* Half of two to the exponent, since the codes are doubled. */
                s = (vf)(__builtin_convertvector(*(const vb_loose *)(scales + b * 16 + lane), vi) << 23) * 0.5f;
            } else if (packing == HADAL_PACKED_4_MIN) {
                s = v_load_f16(scales + b * 64 + 2 * lane);
                m = v_load_f16(scales + b * 64 + 32 + 2 * lane);
            } else {
                s = v_load_f16(scales + b * 32 + 2 * lane);
            }
#pragma GCC unroll 8
            for (int t = 0; t < tokens; t++) {
                const hadal_block *block = (const hadal_block *)(x + t * stride + columns) + b;
                vi whole = offset ? dot[t] - offset * (block->low + block->high) : dot[t];
                sum[t * parts + p] += __builtin_convertvector(whole, vf) * (s * block->scale);
                if (packing == HADAL_PACKED_4_MIN || packing == HADAL_PACKED_4_SUPER) sum[t * parts + p] += m * block->sum;
            }
        }
    }
}

/* out[t * 16 + r] for 16 rows and `tokens` (1 or DOT_TOKENS) rows of activations. */
INLINE void dot_group(uint32_t packing, int tokens, const uint8_t *codes, int64_t columns, const int8_t *x, int64_t stride, float *out) {
    if (tokens == 1) {
        vf sum[DOT_PARTS];
        dot_tile(packing, 1, 0, DOT_PARTS, codes, columns, x, stride, sum);
        for (int p = 0; p < DOT_PARTS; p++) v_store(out + p * LANES, sum[p]);
        return;
    }
    for (int p = 0; p < DOT_PARTS; p++) {
        vf sum[DOT_TOKENS];
        dot_tile(packing, tokens, p, 1, codes, columns, x, stride, sum);
        for (int t = 0; t < tokens; t++) v_store(out + t * HADAL_PACK_ROWS + p * LANES, sum[t]);
    }
}
