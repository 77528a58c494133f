/* Stored weights for kernels.c: random blocks, and what they stand for, written from the formats' descriptions alone, in double precision. */
#ifndef FORMATS_H
#define FORMATS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "hadal_plugin.h"

static uint64_t random_state = 88172645463325252u;
static uint32_t random_bits(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32);
}
/* -1 ... 1, few of them near the ends. */
static float random_float(void) {
    double sum = 0;
    for (int i = 0; i < 3; i++) sum += random_bits() / 4294967296.0;
    return (float)(sum / 1.5 - 1);
}

static double half_value(uint16_t h) {
    const int exponent = h >> 10 & 31, mantissa = h & 1023;
    const double magnitude = exponent == 31 ? (mantissa ? NAN : INFINITY) : exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    return h & 0x8000 ? -magnitude : magnitude;
}
static double half_at(const uint8_t *p) { return half_value((uint16_t)(p[0] | p[1] << 8)); }

/* ---- float types ------------------------------------------------------------------------------------------------- */

static int64_t float_bytes(uint32_t dtype) { return dtype == HADAL_DTYPE_F32 ? 4 : dtype == HADAL_DTYPE_F8_E4M3 ? 1 : 2; }

static double float_value(uint32_t dtype, const void *data, int64_t i) {
    const uint8_t *p = (const uint8_t *)data + i * float_bytes(dtype);
    float f;
    if (dtype == HADAL_DTYPE_F16) return half_at(p);
    if (dtype == HADAL_DTYPE_F32) {
        memcpy(&f, p, 4);
        return f;
    }
    if (dtype == HADAL_DTYPE_BF16) {
        const uint32_t bits = (uint32_t)(p[0] | p[1] << 8) << 16;
        memcpy(&f, &bits, 4);
        return f;
    }
    const int exponent = *p >> 3 & 15, mantissa = *p & 7;
    const double magnitude = exponent ? ldexp(8 + mantissa, exponent - 10) : ldexp(mantissa, -9);
    return *p & 128 ? -magnitude : magnitude;
}

/* Numbers of both signs from 2^-4 up to 2. */
static void random_floats(uint32_t dtype, void *data, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        uint8_t *p = (uint8_t *)data + i * float_bytes(dtype);
        const uint32_t sign = random_bits() & 1, exponent = random_bits() % 5, mantissa = random_bits();
        const uint32_t wide = sign << 31 | (exponent + 123) << 23 | (mantissa & 0x7fffff);
        const uint16_t bf16 = (uint16_t)(wide >> 16), f16 = (uint16_t)(sign << 15 | (exponent + 11) << 10 | (mantissa & 1023));
        if (dtype == HADAL_DTYPE_F32) memcpy(p, &wide, 4);
        if (dtype == HADAL_DTYPE_BF16) memcpy(p, &bf16, 2);
        if (dtype == HADAL_DTYPE_F16) memcpy(p, &f16, 2);
        if (dtype == HADAL_DTYPE_F8_E4M3) *p = (uint8_t)(sign << 7 | (exponent + 3) << 3 | (mantissa & 7));
    }
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

/* Columns and bytes of a block, and where its float16 scales are; -1: none. */
typedef struct {
    const char *name;
    uint32_t dtype;
    int columns, bytes, scale, minimum;
} format;

static const format formats[] = {
    {"Q4_0", HADAL_DTYPE_Q4_0, 32, 18, 0, -1},       {"Q4_1", HADAL_DTYPE_Q4_1, 32, 20, 0, 2},     {"Q5_0", HADAL_DTYPE_Q5_0, 32, 22, 0, -1},
    {"Q5_1", HADAL_DTYPE_Q5_1, 32, 24, 0, 2},        {"Q8_0", HADAL_DTYPE_Q8_0, 32, 34, 0, -1},    {"IQ4_NL", HADAL_DTYPE_IQ4_NL, 32, 18, 0, -1},
    {"MXFP4", HADAL_DTYPE_MXFP4, 32, 17, -1, -1},    {"Q2_K", HADAL_DTYPE_Q2_K, 256, 84, 80, 82},   {"Q3_K", HADAL_DTYPE_Q3_K, 256, 110, 108, -1},
    {"Q4_K", HADAL_DTYPE_Q4_K, 256, 144, 0, 2},      {"Q5_K", HADAL_DTYPE_Q5_K, 256, 176, 0, 2},   {"Q6_K", HADAL_DTYPE_Q6_K, 256, 210, 208, -1},
    {"IQ4_XS", HADAL_DTYPE_IQ4_XS, 256, 136, 0, -1},
};
enum { FORMATS = sizeof formats / sizeof formats[0] };

/* Any codes; scales of 2^-10 ... 2^-6. */
static void random_block(const format *f, uint8_t *p) {
    for (int i = 0; i < f->bytes; i++) p[i] = (uint8_t)(random_bits() >> 8);
    const int at[2] = {f->scale, f->minimum};
    for (int i = 0; i < 2; i++)
        if (at[i] >= 0) p[at[i] + 1] = (uint8_t)((p[at[i] + 1] & 0x83) | (5 + random_bits() % 4) << 2);
    if (f->dtype == HADAL_DTYPE_MXFP4) p[0] = (uint8_t)(118 + random_bits() % 8);
    if (f->dtype == HADAL_DTYPE_Q8_0)
        for (int i = 2; i < 34; i++) p[i] = p[i] == 128 ? 129 : p[i]; /* as quantisers leave it */
}

static const int nonlinear_codes[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
static const double float4_codes[8] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};

static void k_scales(const uint8_t *p, int j, int *scale, int *minimum) {
    *scale = j < 4 ? p[j] & 63 : (p[j + 4] & 15) | p[j - 4] >> 6 << 4;
    *minimum = j < 4 ? p[j + 4] & 63 : p[j + 4] >> 4 | p[j] >> 6 << 4;
}

/* Element c of a block is *product + *minimum. */
static void block_value(const format *f, const uint8_t *p, int c, double *product, double *minimum) {
    const double d = f->scale >= 0 ? half_at(p + f->scale) : 0, e = f->minimum >= 0 ? half_at(p + f->minimum) : 0;
    const int nibble_of_32 = c % 32 / 16 * 4, byte_of_32 = c % 16; /* low halves of 16 bytes, then high ones */
    const int group = c / 128, part = c % 128 / 32, l = c % 32;    /* super-blocks go by 128 columns, in parts of 32 */
    int s, m;
    *minimum = 0;
    switch (f->dtype) {
    case HADAL_DTYPE_Q4_0: *product = d * ((p[2 + byte_of_32] >> nibble_of_32 & 15) - 8); return;
    case HADAL_DTYPE_IQ4_NL: *product = d * nonlinear_codes[p[2 + byte_of_32] >> nibble_of_32 & 15]; return;
    case HADAL_DTYPE_Q4_1:
        *product = d * (p[4 + byte_of_32] >> nibble_of_32 & 15);
        *minimum = e;
        return;
    case HADAL_DTYPE_Q5_0: *product = d * (((p[6 + byte_of_32] >> nibble_of_32 & 15) | (p[2 + c / 8] >> c % 8 & 1) << 4) - 16); return;
    case HADAL_DTYPE_Q5_1:
        *product = d * ((p[8 + byte_of_32] >> nibble_of_32 & 15) | (p[4 + c / 8] >> c % 8 & 1) << 4);
        *minimum = e;
        return;
    case HADAL_DTYPE_Q8_0: *product = d * (int8_t)p[2 + c]; return;
    case HADAL_DTYPE_MXFP4: {
        const int code = p[1 + byte_of_32] >> nibble_of_32 & 15;
        *product = ldexp(code & 8 ? -float4_codes[code & 7] : float4_codes[code], p[0] - 127);
        return;
    }
    case HADAL_DTYPE_Q2_K:
        *product = d * (p[c / 16] & 15) * (p[16 + group * 32 + l] >> 2 * part & 3);
        *minimum = -e * (p[c / 16] >> 4);
        return;
    case HADAL_DTYPE_Q3_K: {
        const int i = c / 16; /* low halves of 16 scales in 8 bytes, then two bits of each in 4 */
        const int scale = (p[96 + i % 8] >> i / 8 * 4 & 15) | (p[104 + i % 4] >> i / 4 * 2 & 3) << 4;
        const int code = (p[32 + group * 32 + l] >> 2 * part & 3) - (p[l] >> c / 32 & 1 ? 0 : 4);
        *product = d * (scale - 32) * code;
        return;
    }
    case HADAL_DTYPE_Q4_K: case HADAL_DTYPE_Q5_K: {
        const int j = c / 32, is_five = f->dtype == HADAL_DTYPE_Q5_K;
        k_scales(p + 4, j, &s, &m);
        *product = d * s * ((p[(is_five ? 48 : 16) + j / 2 * 32 + l] >> j % 2 * 4 & 15) | (is_five ? (p[16 + l] >> j & 1) << 4 : 0));
        *minimum = -e * m;
        return;
    }
    case HADAL_DTYPE_Q6_K: {
        const int low = p[group * 64 + part % 2 * 32 + l] >> part / 2 * 4 & 15, high = p[128 + group * 32 + l] >> 2 * part & 3;
        *product = d * (int8_t)p[192 + c / 16] * ((low | high << 4) - 32);
        return;
    }
    default: { /* IQ4_XS */
        const int j = c / 32, scale = (p[4 + j / 2] >> j % 2 * 4 & 15) | (((p[2] | p[3] << 8) >> 2 * j) & 3) << 4;
        *product = d * (scale - 32) * nonlinear_codes[p[8 + j * 16 + byte_of_32] >> nibble_of_32 & 15];
    }
    }
}

#endif
