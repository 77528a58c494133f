/*
 * Quantised values (codes) and scales of a packed group, unpacked to vectors of LANES rows. Included once per pass, after hadal_simd.h. hadal_packed.h
 * has the layouts.
 *
 * `packing` is a constant wherever these are called: each becomes its own code.
 */
#ifndef HADAL_CODES_NAMES
#define HADAL_CODES_NAMES
#define vb_unaligned HADAL_FN(vb_unaligned)
#define vsb_unaligned HADAL_FN(vsb_unaligned)
#define widen_bytes HADAL_FN(widen_bytes)
#define widen_signed_bytes HADAL_FN(widen_signed_bytes)
#define code_table HADAL_FN(code_table)
#define code_line HADAL_FN(code_line)
#define code_scales HADAL_FN(code_scales)
#define code_super HADAL_FN(code_super)
#define code_halves HADAL_FN(code_halves)
#define code_minimum HADAL_FN(code_minimum)
#define code_offset HADAL_FN(code_offset)
#endif

typedef uint8_t vb_unaligned __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef int8_t vsb_unaligned __attribute__((vector_size(LANES), aligned(1), may_alias));

INLINE vf widen_bytes(const uint8_t *p) { return __builtin_convertvector(__builtin_convertvector(*(const vb_unaligned *)p, vi), vf); }
INLINE vf widen_signed_bytes(const uint8_t *p) { return __builtin_convertvector(__builtin_convertvector(*(const vsb_unaligned *)p, vi), vf); }

/* Whether a block has a scale for each half. */
INLINE int code_halves(uint32_t packing) {
    return packing == HADAL_PACKED_4_HALVES || packing == HADAL_PACKED_4_HALVES_MIN || packing == HADAL_PACKED_6_HALVES;
}

/* The zero point of an unpacked code: what is subtracted from it. */
INLINE int code_offset(uint32_t packing) {
    switch (packing) {
    case HADAL_PACKED_4: return 8;
    case HADAL_PACKED_4_HALVES: return 4;
    case HADAL_PACKED_4_FLOAT: case HADAL_PACKED_5: return 16;
    case HADAL_PACKED_6_HALVES: return 32;
    case HADAL_PACKED_4_TABLE: case HADAL_PACKED_4_TABLE_SUPER: case HADAL_PACKED_8: return HADAL_ISA == 3 ? 128 : 0;
    default: return 0;
    }
}

/* Whether code_scales gives a minimum. */
INLINE int code_minimum(uint32_t packing) {
    return packing == HADAL_PACKED_4_MIN || packing == HADAL_PACKED_4_SUPER || packing == HADAL_PACKED_4_HALVES_MIN
        || packing == HADAL_PACKED_5_MIN || packing == HADAL_PACKED_5_SUPER;
}

/* Twice a 4-bit float, plus 16; and the table of the non-linear types, plus 128 where VNNI requires that. */
#define CODE_FLOATS 16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4
#define CODE_PLUS (HADAL_ISA == 3 ? 128 : 0)
#define CODE_NONLINEAR                                                                                                                    \
    (int8_t)(CODE_PLUS - 127), (int8_t)(CODE_PLUS - 104), (int8_t)(CODE_PLUS - 83), (int8_t)(CODE_PLUS - 65), (int8_t)(CODE_PLUS - 49),   \
        (int8_t)(CODE_PLUS - 35), (int8_t)(CODE_PLUS - 22), (int8_t)(CODE_PLUS - 10), (int8_t)(CODE_PLUS + 1), (int8_t)(CODE_PLUS + 13),  \
        (int8_t)(CODE_PLUS + 25), (int8_t)(CODE_PLUS + 38), (int8_t)(CODE_PLUS + 53), (int8_t)(CODE_PLUS + 69), (int8_t)(CODE_PLUS + 89), \
        (int8_t)(CODE_PLUS + 113)

/* Every byte of 4-bit codes through a table. */
#if HADAL_ISA == 0
static __attribute__((noinline, unused))
#else
INLINE
#endif
vi code_table(uint32_t packing, vi codes) {
#if HADAL_ISA == 0
    static const int8_t floats[16] = {CODE_FLOATS}, nonlinear[16] = {CODE_NONLINEAR};
    uint8_t bytes[LANES * 4];
    memcpy(bytes, &codes, sizeof bytes);
    for (int i = 0; i < LANES * 4; i++) bytes[i] = (uint8_t)(packing == HADAL_PACKED_4_FLOAT ? floats : nonlinear)[bytes[i]];
    memcpy(&codes, bytes, sizeof bytes);
    return codes;
#elif HADAL_ISA == 4
    const int8x16_t floats = {CODE_FLOATS}, nonlinear = {CODE_NONLINEAR};
    return (vi)vqtbl1q_s8(packing == HADAL_PACKED_4_FLOAT ? floats : nonlinear, (uint8x16_t)codes);
#else
    const __m128i table = packing == HADAL_PACKED_4_FLOAT ? _mm_setr_epi8(CODE_FLOATS) : _mm_setr_epi8(CODE_NONLINEAR);
#if LANES == 16
    return (vi)_mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), (__m512i)codes);
#else
    return (vi)_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), (__m256i)codes);
#endif
#endif
}

/* Line i (0 ... 7) of a block: a byte for each code. `codes` is the block, moved on to the vector's first row. */
INLINE vi code_line(uint32_t packing, const uint8_t *codes, int i) {
    if (packing == HADAL_PACKED_8) return *(const vi_unaligned *)(codes + i * 64);
    vi line = *(const vi_unaligned *)(codes + i % 4 * 64);
    line = (i < 4 ? line : (vi)((vu)line >> 4)) & 0x0f0f0f0f;
    if (hadal_packed_code_bytes(packing) == 320) {
        const vu bits = (vu) * (const vi_unaligned *)(codes + 256);
        line |= (vi)(i < 4 ? bits << (4 - i) : bits >> (i - 4)) & 0x10101010;
    }
    if (packing == HADAL_PACKED_6_HALVES) {
        const int at = i % 4 * 2;
        const vu bits = (vu) * (const vi_unaligned *)(codes + 256 + i / 4 * 64);
        line |= (vi)(at < 4 ? bits << (4 - at) : bits >> (at - 4)) & 0x30303030;
    }
    if (packing == HADAL_PACKED_4_FLOAT || packing == HADAL_PACKED_4_TABLE || packing == HADAL_PACKED_4_TABLE_SUPER) return code_table(packing, line);
    return line;
}

/* The scales that 8 blocks share: `super` is theirs, moved on to the vector's first row times two. */
INLINE void code_super(uint32_t packing, const uint8_t *super, vf *d, vf *e) {
    if (hadal_packed_super_bytes(packing) == 0) return;
    *d = v_load_f16(super);
    if (hadal_packed_super_bytes(packing) == 64) *e = -v_load_f16(super + 32);
}

/*
 * Scale and minimum of LANES rows of a block, of its halves where they have their own, so that w = scale * (unpacked code - its offset) + minimum.
 * `own` is the block's own bytes; `lane` the vector's first row.
 */
INLINE void code_scales(uint32_t packing, const uint8_t *own, int64_t lane, vf d, vf e, vf *scale, vf *minimum) {
    switch (packing) {
    case HADAL_PACKED_4_FLOAT:
        /* Half of two to the exponent, since the quantised values are doubled. */
        scale[0] = (vf)(__builtin_convertvector(*(const vb_unaligned *)(own + lane), vi) << 23) * 0.5f;
        break;
    case HADAL_PACKED_4_TABLE_SUPER: scale[0] = d * widen_signed_bytes(own + lane); break;
    case HADAL_PACKED_4_SUPER: case HADAL_PACKED_5_SUPER:
        scale[0] = d * widen_bytes(own + lane);
        minimum[0] = e * widen_bytes(own + 16 + lane);
        return;
    case HADAL_PACKED_4_HALVES_MIN:
        for (int h = 0; h < 2; h++) {
            scale[h] = d * widen_bytes(own + h * 16 + lane);
            minimum[h] = e * widen_bytes(own + 32 + h * 16 + lane);
        }
        return;
    case HADAL_PACKED_4_HALVES: case HADAL_PACKED_6_HALVES:
        for (int h = 0; h < 2; h++) scale[h] = d * widen_signed_bytes(own + h * 16 + lane);
        break;
    case HADAL_PACKED_4_MIN: case HADAL_PACKED_5_MIN:
        scale[0] = v_load_f16(own + 2 * lane);
        minimum[0] = v_load_f16(own + 32 + 2 * lane);
        return;
    default: scale[0] = v_load_f16(own + 2 * lane);
    }
}
