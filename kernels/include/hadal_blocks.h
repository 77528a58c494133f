/*
 * The published GGUF block formats: their quantised values (code) and scales as stored, and decoded, so that
 * w = scale[c / 16] * code[c] + minimum[c / 16], exactly as the formats define it in float32.
 *
 * Included once per pass, after hadal_simd.h. Sources: the format descriptions of the GGUF project.
 */
#ifndef HADAL_BLOCKS_NAMES
#define HADAL_BLOCKS_NAMES
#define vb16 HADAL_FN(vb16)
#define vb16_unaligned HADAL_FN(vb16_unaligned)
#define stored_scales HADAL_FN(stored_scales)
#define stored_scales_of HADAL_FN(stored_scales_of)
#define stored_codes HADAL_FN(stored_codes)
#define stored_bits HADAL_FN(stored_bits)
#define stored_bytes HADAL_FN(stored_bytes)
#define decoded_block HADAL_FN(decoded_block)
#define decode_block HADAL_FN(decode_block)
#define decode_codes HADAL_FN(decode_codes)
#define block_columns HADAL_FN(block_columns)
#define block_bytes HADAL_FN(block_bytes)
#define six_bit_pairs HADAL_FN(six_bit_pairs)
#endif

typedef uint8_t vb16 __attribute__((vector_size(16)));
typedef uint8_t vb16_unaligned __attribute__((vector_size(16), aligned(1), may_alias));

/*
 * Scales as stored: float16 d and e; of super-blocks also the bytes that these are multiplied with, of each 16 columns or of each 32 as the format has
 * them; of MXFP4 s[0] alone, the exponent.
 */
typedef struct {
    uint16_t d, e;
    uint8_t s[16], m[16];
} stored_scales;

typedef struct {
    int8_t code[256];
    float scale[16], minimum[16];
} decoded_block;

INLINE int64_t block_columns(uint32_t dtype) {
    switch (dtype) {
    case HADAL_DTYPE_Q2_K: case HADAL_DTYPE_Q3_K: case HADAL_DTYPE_Q4_K: case HADAL_DTYPE_Q5_K: case HADAL_DTYPE_Q6_K:
    case HADAL_DTYPE_IQ4_XS: return 256;
    default: return 32;
    }
}
INLINE int64_t block_bytes(uint32_t dtype) {
    switch (dtype) {
    case HADAL_DTYPE_Q4_0: case HADAL_DTYPE_IQ4_NL: return 18;
    case HADAL_DTYPE_Q4_1: return 20;
    case HADAL_DTYPE_Q5_0: return 22;
    case HADAL_DTYPE_Q5_1: return 24;
    case HADAL_DTYPE_Q8_0: return 34;
    case HADAL_DTYPE_MXFP4: return 17;
    case HADAL_DTYPE_Q2_K: return 84;
    case HADAL_DTYPE_Q3_K: return 110;
    case HADAL_DTYPE_Q4_K: return 144;
    case HADAL_DTYPE_Q5_K: return 176;
    case HADAL_DTYPE_Q6_K: return 210;
    default: return 136;
    }
}

/* The eight 6-bit scales and minima that Q4_K and Q5_K pack into twelve bytes. */
INLINE void six_bit_pairs(const uint8_t *p, uint8_t *s, uint8_t *m) {
    uint32_t word[3];
    memcpy(word, p, sizeof word);
    const uint32_t low[2] = {word[0] & 0x3f3f3f3fu, (word[2] & 0x0f0f0f0fu) | (word[0] >> 2 & 0x30303030u)};
    const uint32_t high[2] = {word[1] & 0x3f3f3f3fu, (word[2] >> 4 & 0x0f0f0f0fu) | (word[1] >> 2 & 0x30303030u)};
    memcpy(s, low, sizeof low);
    memcpy(m, high, sizeof high);
}

INLINE void stored_scales_of(uint32_t dtype, const uint8_t *p, stored_scales *out) {
    switch (dtype) {
    case HADAL_DTYPE_Q4_1: case HADAL_DTYPE_Q5_1:
        memcpy(&out->d, p, 2);
        memcpy(&out->e, p + 2, 2);
        return;
    case HADAL_DTYPE_MXFP4: out->s[0] = p[0]; return;
    case HADAL_DTYPE_Q2_K:
        memcpy(&out->d, p + 80, 2);
        memcpy(&out->e, p + 82, 2);
        for (int i = 0; i < 16; i++) {
            out->s[i] = p[i] & 15;
            out->m[i] = p[i] >> 4;
        }
        return;
    case HADAL_DTYPE_Q3_K:
        memcpy(&out->d, p + 108, 2);
        for (int i = 0; i < 16; i++) {
            const int low = i < 8 ? p[96 + i] & 15 : p[88 + i] >> 4;
            out->s[i] = (uint8_t)((low | (p[104 + i % 4] >> (i / 4 * 2) & 3) << 4) - 32);
        }
        return;
    case HADAL_DTYPE_Q4_K: case HADAL_DTYPE_Q5_K:
        memcpy(&out->d, p, 2);
        memcpy(&out->e, p + 2, 2);
        six_bit_pairs(p + 4, out->s, out->m);
        return;
    case HADAL_DTYPE_Q6_K:
        memcpy(&out->d, p + 208, 2);
        memcpy(out->s, p + 192, 16);
        return;
    case HADAL_DTYPE_IQ4_XS: {
        uint16_t high;
        memcpy(&out->d, p, 2);
        memcpy(&high, p + 2, 2);
        for (int j = 0; j < 8; j++) out->s[j] = (uint8_t)(((p[4 + j / 2] >> (j % 2 * 4) & 15) | (high >> (2 * j) & 3) << 4) - 32);
        return;
    }
    default: memcpy(&out->d, p, 2);
    }
}

INLINE vb16 stored_bytes(const uint8_t *p) { return *(const vb16_unaligned *)p; }

/* Sixteen bits as bytes of 0 or 16. */
INLINE vb16 stored_bits(const uint8_t *p) {
    const vb16 each = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128}, a = p[0] - (vb16){0}, b = p[1] - (vb16){0};
    const vb16 both = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    return (vb16)((both & each) != 0) & 16;
}

/* The quantised values of columns 32j ..< 32j + 32 of a block, sixteen a vector, as stored: unsigned, but for those of Q8_0. */
INLINE void stored_codes(uint32_t dtype, const uint8_t *p, int64_t j, vb16 *code) {
    /* Types of 32 columns, and IQ4_XS, have the first sixteen values in the low halves of bytes and the others in the high ones. */
    int64_t at = 2;
    switch (dtype) {
    case HADAL_DTYPE_Q8_0:
        code[0] = stored_bytes(p + 2);
        code[1] = stored_bytes(p + 18);
        return;
    case HADAL_DTYPE_Q4_K: case HADAL_DTYPE_Q5_K:
        for (int h = 0; h < 2; h++) {
            const vb16 both = stored_bytes(p + (dtype == HADAL_DTYPE_Q5_K ? 48 : 16) + j / 2 * 32 + h * 16);
            code[h] = j % 2 ? both >> 4 : both & 15;
            if (dtype == HADAL_DTYPE_Q5_K) code[h] |= (stored_bytes(p + 16 + h * 16) >> (uint8_t)j & 1) << 4;
        }
        return;
    case HADAL_DTYPE_Q6_K:
        for (int h = 0; h < 2; h++) {
            const vb16 both = stored_bytes(p + j / 4 * 64 + j % 2 * 32 + h * 16);
            code[h] = (j % 4 < 2 ? both & 15 : both >> 4) | (stored_bytes(p + 128 + j / 4 * 32 + h * 16) >> (uint8_t)(j % 4 * 2) & 3) << 4;
        }
        return;
    case HADAL_DTYPE_Q2_K: case HADAL_DTYPE_Q3_K:
        for (int h = 0; h < 2; h++) {
            code[h] = stored_bytes(p + (dtype == HADAL_DTYPE_Q3_K ? 32 : 16) + j / 4 * 32 + h * 16) >> (uint8_t)(j % 4 * 2) & 3;
            if (dtype == HADAL_DTYPE_Q3_K) code[h] |= (stored_bytes(p + h * 16) >> (uint8_t)j & 1) << 2;
        }
        return;
    case HADAL_DTYPE_MXFP4: at = 1; break;
    case HADAL_DTYPE_Q4_1: at = 4; break;
    case HADAL_DTYPE_Q5_0: at = 6; break;
    case HADAL_DTYPE_Q5_1: case HADAL_DTYPE_IQ4_XS: at = 8; break;
    }
    const vb16 both = stored_bytes(p + at + j * 16);
    code[0] = both & 15;
    code[1] = both >> 4;
    if (dtype == HADAL_DTYPE_Q5_0 || dtype == HADAL_DTYPE_Q5_1)
        for (int h = 0; h < 2; h++) code[h] |= stored_bits(p + at - 4 + h * 2);
}

/* The quantised values of a block, without scales. */
INLINE void decode_codes(uint32_t dtype, const uint8_t *p, int8_t *code) {
    static const int8_t nonlinear[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
    /* Twice the values of 4-bit floats (2 exponent bits, 1 mantissa bit). */
    static const int8_t floats[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    const int8_t *table = dtype == HADAL_DTYPE_MXFP4 ? floats : dtype == HADAL_DTYPE_IQ4_NL || dtype == HADAL_DTYPE_IQ4_XS ? nonlinear : 0;
    const uint8_t offset = dtype == HADAL_DTYPE_Q4_0 ? 8 : dtype == HADAL_DTYPE_Q5_0 ? 16 : dtype == HADAL_DTYPE_Q3_K ? 4 : dtype == HADAL_DTYPE_Q6_K ? 32 : 0;
    for (int64_t j = 0; j < block_columns(dtype) / 32; j++) {
        vb16 stored[2];
        stored_codes(dtype, p, j, stored);
        for (int h = 0; h < 2; h++) stored[h] -= offset;
        memcpy(code + j * 32, stored, 32);
        for (int i = 0; table && i < 32; i++) code[j * 32 + i] = table[code[j * 32 + i]];
    }
}

/* One block of block_bytes(dtype) bytes. */
static __attribute__((unused)) void decode_block(uint32_t dtype, const uint8_t *p, decoded_block *out) {
    stored_scales stored = {0};
    stored_scales_of(dtype, p, &stored);
    decode_codes(dtype, p, out->code);
    const float d = f16_to_f32(stored.d), e = f16_to_f32(stored.e);
    for (int i = 0; i < 16; i++) out->minimum[i] = 0;
    switch (dtype) {
    case HADAL_DTYPE_MXFP4: {
        /* Half of two to the exponent, since the quantised values are doubled. */
        const uint32_t bits = stored.s[0] < 2 ? 0x00200000u << stored.s[0] : (uint32_t)(stored.s[0] - 1) << 23;
        memcpy(&out->scale[0], &bits, 4);
        out->scale[1] = out->scale[0];
        return;
    }
    case HADAL_DTYPE_Q2_K:
        for (int i = 0; i < 16; i++) {
            out->scale[i] = d * (float)stored.s[i];
            out->minimum[i] = -(e * (float)stored.m[i]);
        }
        return;
    case HADAL_DTYPE_Q3_K: case HADAL_DTYPE_Q6_K:
        for (int i = 0; i < 16; i++) out->scale[i] = d * (float)(int8_t)stored.s[i];
        return;
    case HADAL_DTYPE_Q4_K: case HADAL_DTYPE_Q5_K:
        for (int i = 0; i < 16; i++) {
            out->scale[i] = d * (float)stored.s[i / 2];
            out->minimum[i] = -(e * (float)stored.m[i / 2]);
        }
        return;
    case HADAL_DTYPE_IQ4_XS:
        for (int i = 0; i < 16; i++) out->scale[i] = d * (float)(int8_t)stored.s[i / 2];
        return;
    default:
        out->scale[0] = out->scale[1] = d;
        if (dtype == HADAL_DTYPE_Q4_1 || dtype == HADAL_DTYPE_Q5_1) out->minimum[0] = out->minimum[1] = e;
    }
}
