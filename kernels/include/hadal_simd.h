/*
 * Vectors as wide as the pass's instruction set has them. Included once per pass, hence no include guard.
 *
 * vf: LANES floats; vi: LANES int32. Arithmetic is the compiler's own on vector types; what it lacks is below.
 */
#undef LANES
#if HADAL_ISA == 2 || HADAL_ISA == 3
#define LANES 16
#elif HADAL_ISA == 1
#define LANES 8
#else
#define LANES 4
#endif
/* How many vectors the processor has registers for. */
#undef REGISTERS
#if LANES == 16 || defined(__aarch64__)
#define REGISTERS 32
#else
#define REGISTERS 16
#endif

#ifndef HADAL_SIMD_NAMES
#define HADAL_SIMD_NAMES
#define INLINE static inline __attribute__((always_inline, unused))
#define vf HADAL_FN(vf)
#define vi HADAL_FN(vi)
#define vu HADAL_FN(vu)
#define vh HADAL_FN(vh)
#define v_halves HADAL_FN(v_halves)
#define vf_unaligned HADAL_FN(vf_unaligned)
#define vi_unaligned HADAL_FN(vi_unaligned)
#define vh_unaligned HADAL_FN(vh_unaligned)
#define v_splat HADAL_FN(v_splat)
#define v_load HADAL_FN(v_load)
#define v_load_part HADAL_FN(v_load_part)
#define v_store HADAL_FN(v_store)
#define v_store_part HADAL_FN(v_store_part)
#define v_load_f16 HADAL_FN(v_load_f16)
#define v_store_f16 HADAL_FN(v_store_f16)
#define v_load_bf16 HADAL_FN(v_load_bf16)
#define v_load_i8 HADAL_FN(v_load_i8)
#define v_splat_f16 HADAL_FN(v_splat_f16)
#define v_from_f16 HADAL_FN(v_from_f16)
#define vbytes HADAL_FN(vbytes)
#define vbytes_unaligned HADAL_FN(vbytes_unaligned)
#define v_select HADAL_FN(v_select)
#define v_max HADAL_FN(v_max)
#define v_min HADAL_FN(v_min)
#define v_reduce_add HADAL_FN(v_reduce_add)
#define v_sums HADAL_FN(v_sums)
#define v_sums8 HADAL_FN(v_sums8)
#define v_max4 HADAL_FN(v_max4)
#define v_reduce_max HADAL_FN(v_reduce_max)
#define vf4 HADAL_FN(vf4)
#define vf4_unaligned HADAL_FN(vf4_unaligned)
#define vi4 HADAL_FN(vi4)
#define v_exp HADAL_FN(v_exp)
#define v_tanh HADAL_FN(v_tanh)
#define v_sigmoid HADAL_FN(v_sigmoid)
#define v_erf HADAL_FN(v_erf)
#define v_gelu HADAL_FN(v_gelu)
#define f16_to_f32 HADAL_FN(f16_to_f32)
#define f32_to_f16 HADAL_FN(f32_to_f16)
#define f32_to_bf16 HADAL_FN(f32_to_bf16)
#define floats_from HADAL_FN(floats_from)
/* The names of before, for kernels of other folders. */
#define v_sum v_reduce_add
#define v_highest v_reduce_max
#define vf_loose vf_unaligned
#define vi_loose vi_unaligned
#define vh_loose vh_unaligned
#define vf4_loose vf4_unaligned
#endif

typedef float vf __attribute__((vector_size(LANES * 4)));
typedef int32_t vi __attribute__((vector_size(LANES * 4)));
typedef uint32_t vu __attribute__((vector_size(LANES * 4)));
typedef uint16_t vh __attribute__((vector_size(LANES * 2)));
typedef float vf4 __attribute__((vector_size(16)));
typedef float vf4_unaligned __attribute__((vector_size(16), aligned(1), may_alias));
typedef int32_t vi4 __attribute__((vector_size(16)));
typedef float vf_unaligned __attribute__((vector_size(LANES * 4), aligned(1), may_alias));
typedef int32_t vi_unaligned __attribute__((vector_size(LANES * 4), aligned(1), may_alias));
typedef uint16_t vh_unaligned __attribute__((vector_size(LANES * 2), aligned(1), may_alias));
typedef int8_t vbytes __attribute__((vector_size(LANES)));
typedef int8_t vbytes_unaligned __attribute__((vector_size(LANES), aligned(1), may_alias));

/* What the compilers' conversions take. They are used by name: the header that declares them by another takes most of the time that a small kernel
 * takes to compile. */
typedef int16_t v_halves __attribute__((vector_size(LANES * 2)));

INLINE vf v_splat(float x) { return x - (vf){0}; }
INLINE vf v_load(const void *p) { return *(const vf_unaligned *)p; }
INLINE void v_store(void *p, vf v) { *(vf_unaligned *)p = v; }
/* The first n (< LANES) elements; zeros after them. */
INLINE vf v_load_part(const void *p, int64_t n) {
    vf v = {0};
    memcpy(&v, p, (size_t)n * sizeof(float));
    return v;
}
INLINE void v_store_part(void *p, vf v, int64_t n) { memcpy(p, &v, (size_t)n * sizeof(float)); }

INLINE vf v_select(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }
INLINE vf v_max(vf a, vf b) { return v_select(a > b, a, b); }
INLINE vf v_min(vf a, vf b) { return v_select(a < b, a, b); }

/* Horizontal add and maximum. */
INLINE float v_reduce_add(vf v) {
    float part[4] = {0, 0, 0, 0};
    for (int i = 0; i < LANES; i += 4)
        for (int j = 0; j < 4; j++) part[j] += v[i + j];
    return (part[0] + part[1]) + (part[2] + part[3]);
}
/* The horizontal adds of LANES vectors as one vector: each adds lanes half of a vector apart, then a quarter, and so on. */
INLINE vf v_sums(const vf *v) {
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#if LANES == 16
    vf a[8], b[4], c[2];
    for (int i = 0; i < 8; i++)
        a[i] = SHUFFLE(v[2 * i], v[2 * i + 1], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
            + SHUFFLE(v[2 * i], v[2 * i + 1], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    for (int i = 0; i < 4; i++)
        b[i] = SHUFFLE(a[2 * i], a[2 * i + 1], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
            + SHUFFLE(a[2 * i], a[2 * i + 1], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    for (int i = 0; i < 2; i++)
        c[i] = SHUFFLE(b[2 * i], b[2 * i + 1], 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29)
            + SHUFFLE(b[2 * i], b[2 * i + 1], 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
    return SHUFFLE(c[0], c[1], 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
        + SHUFFLE(c[0], c[1], 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#elif LANES == 8
    vf a[4], b[2];
    for (int i = 0; i < 4; i++) a[i] = SHUFFLE(v[2 * i], v[2 * i + 1], 0, 1, 2, 3, 8, 9, 10, 11) + SHUFFLE(v[2 * i], v[2 * i + 1], 4, 5, 6, 7, 12, 13, 14, 15);
    for (int i = 0; i < 2; i++) b[i] = SHUFFLE(a[2 * i], a[2 * i + 1], 0, 1, 4, 5, 8, 9, 12, 13) + SHUFFLE(a[2 * i], a[2 * i + 1], 2, 3, 6, 7, 10, 11, 14, 15);
    return SHUFFLE(b[0], b[1], 0, 2, 4, 6, 8, 10, 12, 14) + SHUFFLE(b[0], b[1], 1, 3, 5, 7, 9, 11, 13, 15);
#else
    vf a[2];
    for (int i = 0; i < 2; i++) a[i] = SHUFFLE(v[2 * i], v[2 * i + 1], 0, 1, 4, 5) + SHUFFLE(v[2 * i], v[2 * i + 1], 2, 3, 6, 7);
    return SHUFFLE(a[0], a[1], 0, 2, 4, 6) + SHUFFLE(a[0], a[1], 1, 3, 5, 7);
#endif
#undef SHUFFLE
}
/* The same of eight vectors, in the first eight lanes, with the same bits. */
#if LANES == 16
INLINE vf v_sums8(const vf *v) {
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
    vf a[4], b[2];
    for (int i = 0; i < 4; i++)
        a[i] = SHUFFLE(v[2 * i], v[2 * i + 1], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
            + SHUFFLE(v[2 * i], v[2 * i + 1], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    for (int i = 0; i < 2; i++)
        b[i] = SHUFFLE(a[2 * i], a[2 * i + 1], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
            + SHUFFLE(a[2 * i], a[2 * i + 1], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    const vf c = SHUFFLE(b[0], b[1], 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29)
        + SHUFFLE(b[0], b[1], 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
    return SHUFFLE(c, c, 0, 2, 4, 6, 8, 10, 12, 14, 0, 2, 4, 6, 8, 10, 12, 14) + SHUFFLE(c, c, 1, 3, 5, 7, 9, 11, 13, 15, 1, 3, 5, 7, 9, 11, 13, 15);
#undef SHUFFLE
}
#endif
INLINE vf4 v_max4(vf4 a, vf4 b) {
    const vi4 first = a > b;
    return (vf4)((first & (vi4)a) | (~first & (vi4)b));
}
INLINE float v_reduce_max(vf v) {
    vf4 part[LANES / 4];
    memcpy(part, &v, sizeof part);
    for (int i = 1; i < LANES / 4; i++) part[0] = v_max4(part[0], part[i]);
    part[0] = v_max4(part[0], __builtin_shufflevector(part[0], part[0], 2, 3, 0, 1));
    part[0] = v_max4(part[0], __builtin_shufflevector(part[0], part[0], 1, 0, 3, 2));
    return part[0][0];
}

INLINE float f16_to_f32(uint16_t h) {
    uint32_t magnitude = (uint32_t)(h & 0x7fff) << 13, sign = (uint32_t)(h & 0x8000) << 16, bits;
    float value;
    memcpy(&value, &magnitude, 4);
    value *= 0x1p112f; /* rebias the exponent; subnormals come out right */
    memcpy(&bits, &value, 4);
    if ((h & 0x7c00) == 0x7c00) bits = magnitude | 0x7f800000u;
    bits |= sign;
    memcpy(&value, &bits, 4);
    return value;
}
/* Rounds to nearest, ties to even. */
INLINE uint16_t f32_to_f16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    uint32_t sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7fffffffu;
    if (magnitude >= 0x7f800000u) return (uint16_t)(sign | (magnitude > 0x7f800000u ? 0x7e00 : 0x7c00));
    if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00);
    if (magnitude < 0x38800000u) { /* subnormal: let the adder round at 2^-24 */
        float m;
        memcpy(&m, &magnitude, 4);
        m += 0.5f;
        uint32_t rounded;
        memcpy(&rounded, &m, 4);
        return (uint16_t)(sign | (rounded - 0x3f000000u));
    }
    magnitude += 0xfff + ((magnitude >> 13) & 1);
    return (uint16_t)(sign | ((magnitude - 0x38000000u) >> 13));
}

/* Rounds to nearest, ties to even. */
INLINE uint16_t f32_to_bf16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    if (value != value) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

INLINE vf v_from_f16(vh h) {
#if LANES == 16
    return (vf)__builtin_ia32_vcvtph2ps512_mask((v_halves)h, (vf){0}, (uint16_t)-1, 4 /* the current direction */);
#elif LANES == 8
    return (vf)__builtin_ia32_vcvtph2ps256((v_halves)h);
#elif defined(__aarch64__)
    return (vf)vcvt_f32_f16((float16x4_t)h);
#else
    vf v;
    for (int i = 0; i < LANES; i++) v[i] = f16_to_f32(h[i]);
    return v;
#endif
}
INLINE vf v_load_f16(const void *p) { return v_from_f16((vh)*(const vh_unaligned *)p); }
/* One float16 in every lane. */
INLINE vf v_splat_f16(const void *p) {
    uint16_t h;
    memcpy(&h, p, 2);
#if LANES > 4 || defined(__aarch64__)
    return v_from_f16(h - (vh){0});
#else
    return v_splat(f16_to_f32(h));
#endif
}
/* LANES signed bytes. */
INLINE vf v_load_i8(const void *p) { return __builtin_convertvector(__builtin_convertvector((vbytes)*(const vbytes_unaligned *)p, vi), vf); }
INLINE void v_store_f16(void *p, vf v) {
#if LANES == 16
    *(vh_unaligned *)p = (vh)__builtin_ia32_vcvtps2ph512_mask(v, 0 /* to nearest */, (v_halves){0}, (uint16_t)-1);
#elif LANES == 8
    *(vh_unaligned *)p = (vh)__builtin_ia32_vcvtps2ph256(v, 0 /* to nearest */);
#elif defined(__aarch64__)
    *(vh_unaligned *)p = (vh)vcvt_f16_f32((float32x4_t)v);
#else
    uint16_t h[LANES];
    for (int i = 0; i < LANES; i++) h[i] = f32_to_f16(v[i]);
    memcpy(p, h, sizeof h);
#endif
}
INLINE vf v_load_bf16(const void *p) { return (vf)(__builtin_convertvector((vh)*(const vh_unaligned *)p, vu) << 16); }

/* n elements of a float type to float32. */
INLINE void floats_from(float *to, const void *from, uint32_t dtype, int64_t n) {
    int64_t i = 0;
    if (dtype == HADAL_DTYPE_F32) {
        memcpy(to, from, (size_t)n * 4);
        return;
    }
    const uint8_t *bytes = (const uint8_t *)from;
    if (dtype == HADAL_DTYPE_F16) {
        for (; i + LANES <= n; i += LANES) v_store(to + i, v_load_f16(bytes + 2 * i));
        for (; i < n; i++) {
            uint16_t h;
            memcpy(&h, bytes + 2 * i, 2);
            to[i] = f16_to_f32(h);
        }
    } else {
        for (; i + LANES <= n; i += LANES) v_store(to + i, v_load_bf16(bytes + 2 * i));
        for (; i < n; i++) {
            uint16_t h;
            memcpy(&h, bytes + 2 * i, 2);
            uint32_t bits = (uint32_t)h << 16;
            memcpy(to + i, &bits, 4);
        }
    }
}

/* e^x within 2 units in the last place; 0 below -87.3, NaN stays NaN. */
INLINE vf v_exp(vf x) {
    vi visible = ~(x < v_splat(-87.3f));
    vf clamped = v_min(v_max(v_splat(-87.3f), x), v_splat(88.7f));
    clamped = v_select(x == x, clamped, x);
    const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    vf shifted = clamped * 1.44269504088896341f + shift;
    vi power = (vi)shifted;
    vf n = shifted - shift;
    vf r = clamped - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    vf p = v_splat(1.0f / 5040);
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    /* Two factors, since 2^128 is not a float. */
    vi whole = power - 0x4b400000;
    vi half = whole >> 1;
    vf scale1 = (vf)((half + 127) << 23), scale2 = (vf)((whole - half + 127) << 23);
    return (vf)((vi)(p * scale1 * scale2) & visible);
}
INLINE vf v_sigmoid(vf x) { return 1.0f / (1.0f + v_exp(-x)); }
INLINE vf v_tanh(vf x) {
    vf magnitude = (vf)((vi)x & 0x7fffffff);
    vf e = v_exp(-2.0f * magnitude);
    vf large = (1.0f - e) / (1.0f + e);
    /* Near zero 1 - e cancels: an odd polynomial instead. */
    vf s = x * x;
    vf p = v_splat(-17.0f / 315);
    p = p * s + 2.0f / 15;
    p = p * s - 1.0f / 3;
    vf small = magnitude + magnitude * s * p;
    vf result = v_select(magnitude < v_splat(0.15f), small, large);
    return (vf)((vi)result | ((vi)x & (int32_t)0x80000000));
}
/*
 * The error function within 6e-7; NaN stays NaN. Up to 3.925, from where 1 is nearer than 3e-8, it is x P(x^2) / Q(x^2) with the
 * coefficients whose largest relative error, 1.9e-8 before rounding, is the smallest (found by weighted least squares, Lawson 1961). All are
 * positive, so that nothing cancels.
 */
INLINE vf v_erf(vf x) {
    const vf magnitude = (vf)((vi)x & 0x7fffffff), z = magnitude * magnitude;
    vf p = v_splat(2.04602725e-06f);
    p = p * z + 0.000284843205f;
    p = p * z + 0.00377254025f;
    p = p * z + 0.0527692623f;
    p = p * z + 0.190593541f;
    p = p * z + 1.12837911f;
    vf q = v_splat(3.80477577e-05f);
    q = q * z + 0.0011638552f;
    q = q * z + 0.0149831772f;
    q = q * z + 0.114182629f;
    q = q * z + 0.50224185f;
    q = q * z + 1.0f;
    const vf ratio = v_min(magnitude * p / q, v_splat(1.0f));
    const vf result = v_select(magnitude < v_splat(3.925f), ratio, v_splat(1.0f));
    return v_select(x == x, (vf)((vi)result | ((vi)x & (int32_t)0x80000000)), x);
}
/* x times the normal distribution's share below x: the exact form of gelu. */
INLINE vf v_gelu(vf x) { return 0.5f * x * (1.0f + v_erf(x * 0.70710678118654752f)); }
