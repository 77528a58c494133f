/*
 * The published GGUF block formats, decoded: codes, and scale and minimum of every 16 columns, so that
 * w = scale[c / 16] * code[c] + minimum[c / 16], exactly as the formats define it in float32.
 *
 * Included once per pass, after hadal_simd.h. Sources: the format descriptions of the GGUF project.
 */
#ifndef HADAL_BLOCKS_NAMES
#define HADAL_BLOCKS_NAMES
#define decoded_block HADAL_FN(decoded_block)
#define decode_block HADAL_FN(decode_block)
#define block_columns HADAL_FN(block_columns)
#define block_bytes HADAL_FN(block_bytes)
#define six_bit_pair HADAL_FN(six_bit_pair)
#endif

typedef struct {
    int8_t code[256];
    float scale[16], minimum[16];
    /* What scale and minimum are made of: float16 d and e; of super-blocks also the bytes that these are multiplied with, of each 16 columns or of
     * each 32 as the format has them; of MXFP4 s[0] alone, the exponent. */
    uint16_t d, e;
    uint8_t s[16], m[16];
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

/* Scale and minimum of sub-block j of the twelve bytes that Q4_K and Q5_K pack eight 6-bit pairs into. */
INLINE void six_bit_pair(const uint8_t *p, int j, uint8_t *s, uint8_t *m) {
    if (j < 4) {
        *s = p[j] & 63;
        *m = p[j + 4] & 63;
    } else {
        *s = (uint8_t)((p[j + 4] & 15) | (p[j - 4] >> 6) << 4);
        *m = (uint8_t)(p[j + 4] >> 4 | (p[j] >> 6) << 4);
    }
}

/* One block of block_bytes(dtype) bytes. */
static __attribute__((unused)) void decode_block(uint32_t dtype, const uint8_t *p, decoded_block *out) {
    static const int8_t nonlinear[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
    for (int i = 0; i < 16; i++) out->minimum[i] = 0;
    switch (dtype) {
    case HADAL_DTYPE_Q4_0: case HADAL_DTYPE_Q4_1: case HADAL_DTYPE_IQ4_NL: {
        const uint8_t *codes = p + (dtype == HADAL_DTYPE_Q4_1 ? 4 : 2);
        for (int j = 0; j < 16; j++) {
            int low = codes[j] & 15, high = codes[j] >> 4;
            if (dtype == HADAL_DTYPE_Q4_0) low -= 8, high -= 8;
            if (dtype == HADAL_DTYPE_IQ4_NL) low = nonlinear[low], high = nonlinear[high];
            out->code[j] = (int8_t)low;
            out->code[j + 16] = (int8_t)high;
        }
        memcpy(&out->d, p, 2);
        out->scale[0] = out->scale[1] = f16_to_f32(out->d);
        if (dtype == HADAL_DTYPE_Q4_1) {
            memcpy(&out->e, p + 2, 2);
            out->minimum[0] = out->minimum[1] = f16_to_f32(out->e);
        }
        return;
    }
    case HADAL_DTYPE_Q5_0: case HADAL_DTYPE_Q5_1: {
        const int with_minimum = dtype == HADAL_DTYPE_Q5_1;
        uint32_t high;
        memcpy(&high, p + (with_minimum ? 4 : 2), 4);
        const uint8_t *codes = p + (with_minimum ? 8 : 6);
        const int offset = with_minimum ? 0 : 16;
        for (int j = 0; j < 16; j++) {
            out->code[j] = (int8_t)((int)((codes[j] & 15) | (high >> j & 1) << 4) - offset);
            out->code[j + 16] = (int8_t)((int)(codes[j] >> 4 | (high >> (j + 16) & 1) << 4) - offset);
        }
        memcpy(&out->d, p, 2);
        out->scale[0] = out->scale[1] = f16_to_f32(out->d);
        if (with_minimum) {
            memcpy(&out->e, p + 2, 2);
            out->minimum[0] = out->minimum[1] = f16_to_f32(out->e);
        }
        return;
    }
    case HADAL_DTYPE_Q8_0:
        memcpy(&out->d, p, 2);
        memcpy(out->code, p + 2, 32);
        out->scale[0] = out->scale[1] = f16_to_f32(out->d);
        return;
    case HADAL_DTYPE_MXFP4: {
        /* Twice the values of 4-bit floats (2 exponent bits, 1 mantissa bit), and half of two to the shared exponent. */
        static const int8_t twice[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
        for (int j = 0; j < 16; j++) {
            out->code[j] = twice[p[1 + j] & 15];
            out->code[j + 16] = twice[p[1 + j] >> 4];
        }
        const uint32_t bits = p[0] < 2 ? 0x00200000u << p[0] : (uint32_t)(p[0] - 1) << 23;
        memcpy(&out->scale[0], &bits, 4);
        out->scale[1] = out->scale[0];
        out->s[0] = p[0];
        return;
    }
    case HADAL_DTYPE_Q2_K: {
        const uint8_t *codes = p + 16;
        memcpy(&out->d, p + 80, 2);
        memcpy(&out->e, p + 82, 2);
        const float d = f16_to_f32(out->d), e = f16_to_f32(out->e);
        for (int i = 0; i < 16; i++) {
            out->s[i] = p[i] & 15;
            out->m[i] = p[i] >> 4;
            out->scale[i] = d * (float)out->s[i];
            out->minimum[i] = -(e * (float)out->m[i]);
        }
        for (int c = 0; c < 256; c++) out->code[c] = (int8_t)(codes[c / 128 * 32 + c % 32] >> (c % 128 / 32 * 2) & 3);
        return;
    }
    case HADAL_DTYPE_Q3_K: {
        const uint8_t *high = p, *codes = p + 32, *packed = p + 96;
        memcpy(&out->d, p + 108, 2);
        const float d = f16_to_f32(out->d);
        for (int i = 0; i < 16; i++) {
            int low = i < 8 ? packed[i] & 15 : packed[i - 8] >> 4;
            int scale = (low | (packed[8 + i % 4] >> (i / 4 * 2) & 3) << 4) - 32;
            out->s[i] = (uint8_t)scale;
            out->scale[i] = d * (float)scale;
        }
        for (int c = 0; c < 256; c++) {
            int low = codes[c / 128 * 32 + c % 32] >> (c % 128 / 32 * 2) & 3;
            out->code[c] = (int8_t)(high[c % 32] >> (c / 32) & 1 ? low : low - 4);
        }
        return;
    }
    case HADAL_DTYPE_Q4_K: case HADAL_DTYPE_Q5_K: {
        const uint8_t *high = p + 16, *codes = p + (dtype == HADAL_DTYPE_Q5_K ? 48 : 16);
        memcpy(&out->d, p, 2);
        memcpy(&out->e, p + 2, 2);
        const float d = f16_to_f32(out->d), e = f16_to_f32(out->e);
        for (int j = 0; j < 8; j++) {
            six_bit_pair(p + 4, j, &out->s[j], &out->m[j]);
            out->scale[2 * j] = out->scale[2 * j + 1] = d * (float)out->s[j];
            out->minimum[2 * j] = out->minimum[2 * j + 1] = -(e * (float)out->m[j]);
            for (int l = 0; l < 32; l++) {
                int code = j % 2 == 0 ? codes[j / 2 * 32 + l] & 15 : codes[j / 2 * 32 + l] >> 4;
                if (dtype == HADAL_DTYPE_Q5_K) code |= (high[l] >> j & 1) << 4;
                out->code[j * 32 + l] = (int8_t)code;
            }
        }
        return;
    }
    case HADAL_DTYPE_Q6_K: {
        const uint8_t *low = p, *high = p + 128;
        const int8_t *scales = (const int8_t *)(p + 192);
        memcpy(&out->d, p + 208, 2);
        const float d = f16_to_f32(out->d);
        for (int i = 0; i < 16; i++) {
            out->s[i] = (uint8_t)scales[i];
            out->scale[i] = d * (float)scales[i];
        }
        for (int c = 0; c < 256; c++) {
            int half = c / 128, quarter = c % 128 / 32, l = c % 32;
            int four = low[half * 64 + quarter % 2 * 32 + l] >> (quarter / 2 * 4) & 15;
            int two = high[half * 32 + l] >> (quarter * 2) & 3;
            out->code[c] = (int8_t)((four | two << 4) - 32);
        }
        return;
    }
    default: { /* IQ4_XS */
        uint16_t high;
        memcpy(&high, p + 2, 2);
        memcpy(&out->d, p, 2);
        const float d = f16_to_f32(out->d);
        for (int j = 0; j < 8; j++) {
            int scale = ((p[4 + j / 2] >> (j % 2 * 4) & 15) | (high >> (2 * j) & 3) << 4) - 32;
            out->s[j] = (uint8_t)scale;
            out->scale[2 * j] = out->scale[2 * j + 1] = d * (float)scale;
            for (int l = 0; l < 16; l++) {
                out->code[j * 32 + l] = nonlinear[p[8 + j * 16 + l] & 15];
                out->code[j * 32 + 16 + l] = nonlinear[p[8 + j * 16 + l] >> 4];
            }
        }
        return;
    }
    }
}
