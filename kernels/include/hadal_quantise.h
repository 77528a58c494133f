/* Quantising blocks of activations, and packing stored weights. Included once per pass, after hadal_blocks.h. */
#ifndef HADAL_QUANTISE_NAMES
#define HADAL_QUANTISE_NAMES
#define quantise_block HADAL_FN(quantise_block)
#define quantise_most HADAL_FN(quantise_most)
#define quantise_scale HADAL_FN(quantise_scale)
#define quantise_row HADAL_FN(quantise_row)
#define quantise_rows HADAL_FN(quantise_rows)
#define pack_group HADAL_FN(pack_group)
#define pack_group_as HADAL_FN(pack_group_as)
#define pack_codes HADAL_FN(pack_codes)
#define pack_scales HADAL_FN(pack_scales)
#endif

/* The largest magnitude of 32 floats. */
INLINE float quantise_most(const float *x) {
    vf top = {0};
    for (int i = 0; i < 32; i += LANES) top = v_max(top, (vf)((vi)v_load(x + i) & 0x7fffffff));
    return v_reduce_max(top);
}

/* The scale of a block whose largest magnitude is `most`, which becomes 127. */
INLINE float quantise_scale(float most) { return most > 1e-30f ? most * (1.0f / 127) : 0.0f; }

/* 32 floats to integers in -127 ... 127 and a scale. */
INLINE void quantise_block(const float *x, int8_t *q, hadal_block *block) {
    const float most = quantise_most(x), scale = quantise_scale(most), inverse = scale > 0 ? 127.0f / most : 0.0f;
    const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    vi4 half[2] = {{0}, {0}};
    for (int i = 0; i < 32; i += LANES) {
        const vi whole = (vi)(v_load(x + i) * inverse + shift) - 0x4b400000;
        typedef int8_t narrow __attribute__((vector_size(LANES)));
        const narrow bytes = __builtin_convertvector(whole, narrow);
        memcpy(q + i, &bytes, LANES);
        vi4 part[LANES / 4];
        memcpy(part, &whole, sizeof part);
        for (int j = 0; j < LANES / 4; j++) half[i / 16] += part[j];
    }
    /* One horizontal add of both. */
    const vi4 two = __builtin_shufflevector(half[0], half[1], 0, 4, 1, 5) + __builtin_shufflevector(half[0], half[1], 2, 6, 3, 7);
    const vi4 sums = two + __builtin_shufflevector(two, two, 2, 3, 0, 1);
    block->scale = scale;
    block->sum = scale * (float)(sums[0] + sums[1]);
    block->low = sums[0];
    block->high = sums[1];
}

/*
 * Blocks begin ..< end of a row of floats, into a row of one term or two. The second term is what the first left over, quantised in its turn, of
 * the blocks that leave over more than `share` times what blocks of this row do on average, in squares: outliers, whose blocks are coarse. With a share
 * of 0 all blocks have both terms, which carry 15 bits. The call for block 0 writes the list of those blocks.
 */
INLINE void quantise_row(const float *x, int8_t *q, int64_t columns, int64_t stride, float share, int64_t begin, int64_t end) {
    const int64_t term_bytes = hadal_term_bytes(columns), blocks = columns / 32;
    hadal_block *first = (hadal_block *)(q + columns), *second = (hadal_block *)(q + term_bytes + columns);
    for (int64_t b = begin; b < end; b++) quantise_block(x + b * 32, q + b * 32, first + b);
    if (stride == term_bytes) return;
    float limit = 0;
    if (share > 0) {
        for (int64_t b = 0; b < blocks; b++) {
            const float scale = b >= begin && b < end ? first[b].scale : quantise_scale(quantise_most(x + b * 32));
            limit += scale * scale;
        }
        limit *= share / (float)blocks;
    }
    int32_t *listed = (int32_t *)(q + 2 * term_bytes), count = 0;
    for (int64_t b = begin; b < (begin == 0 ? blocks : end); b++) {
        const float scale = b < end ? first[b].scale : quantise_scale(quantise_most(x + b * 32));
        if (!(scale * scale > limit) && share > 0) continue;
        if (begin == 0) listed[++count] = (int32_t)b;
        if (b >= end) continue;
        float rest[32];
        for (int i = 0; i < 32; i++) rest[i] = x[b * 32 + i] - scale * (float)q[b * 32 + i];
        quantise_block(rest, q + term_bytes + b * 32, second + b);
    }
    if (begin == 0) listed[0] = count;
}

/*
 * This thread's share of `rows` rows: whole rows, or blocks of rows that are fewer than threads. `x_stride` in floats.
 */
INLINE void quantise_rows(
    const float *x, int64_t x_stride, int8_t *q, int64_t rows, int64_t columns, int64_t stride, float share, const hadal_kernel_thread *thread) {
    int64_t row, last;
    if (rows >= thread->count) {
        hadal_share(rows, 1, thread, &row, &last);
        for (; row < last; row++) quantise_row(x + row * x_stride, q + row * stride, columns, stride, share, 0, columns / 32);
        return;
    }
    for (row = 0; row < rows; row++) {
        int64_t begin, end;
        hadal_share(columns / 32, 1, thread, &begin, &end);
        if (begin < end) quantise_row(x + row * x_stride, q + row * stride, columns, stride, share, begin, end);
    }
}

/* Row r's scales of the `count` blocks from `first` on, which `from` has. */
INLINE void pack_scales(uint32_t packing, uint8_t *to, int64_t first, int64_t count, int64_t r, const stored_scales *from) {
    const int64_t super_bytes = hadal_packed_super_bytes(packing);
    if (super_bytes) memcpy(to + hadal_packed_super_at(packing, first) + 2 * r, &from->d, 2);
    if (super_bytes == 64) memcpy(to + hadal_packed_super_at(packing, first) + 32 + 2 * r, &from->e, 2);
    for (int64_t j = 0; j < count; j++) {
        uint8_t *own = to + hadal_packed_own_at(packing, first + j);
        switch (packing) {
        case HADAL_PACKED_4_MIN: case HADAL_PACKED_5_MIN:
            memcpy(own + 2 * r, &from->d, 2);
            memcpy(own + 32 + 2 * r, &from->e, 2);
            break;
        case HADAL_PACKED_4_SUPER: case HADAL_PACKED_5_SUPER:
            own[r] = from->s[j];
            own[16 + r] = from->m[j];
            break;
        case HADAL_PACKED_4_FLOAT: case HADAL_PACKED_4_TABLE_SUPER: own[r] = from->s[j]; break;
        case HADAL_PACKED_4_HALVES: case HADAL_PACKED_4_HALVES_MIN: case HADAL_PACKED_6_HALVES:
            for (int h = 0; h < 2; h++) {
                own[h * 16 + r] = from->s[2 * j + h];
                if (packing == HADAL_PACKED_4_HALVES_MIN) own[32 + h * 16 + r] = from->m[2 * j + h];
            }
            break;
        default: memcpy(own + 2 * r, &from->d, 2);
        }
    }
}

/* Row r's quantised values of a block, as stored_codes gives them. to: those of the block. */
INLINE void pack_codes(uint32_t packing, uint8_t *to, int64_t r, const vb16 *code) {
    uint32_t four[8];
    memcpy(four, code, 32);
    if ((packing & 255) == HADAL_PACKED_8) {
        /* Adding 128 flips the top bit. */
        for (int i = 0; i < 8; i++) {
            four[i] ^= packing & HADAL_PACKED_BIASED ? 0x80808080u : 0;
            memcpy(to + i * 64 + r * 4, &four[i], 4);
        }
        return;
    }
    const vb16 both = (code[0] & 15) | code[1] << 4;
    for (int i = 0; i < 4; i++) memcpy(to + i * 64 + r * 4, (const uint8_t *)&both + i * 4, 4);
    if (hadal_packed_code_bytes(packing) == 320) {
        uint32_t bits = 0;
        for (int i = 0; i < 8; i++) bits |= (four[i] >> 4 & 0x01010101u) << i;
        memcpy(to + 256 + r * 4, &bits, 4);
    }
    if (packing == HADAL_PACKED_6_HALVES)
        for (int half = 0; half < 2; half++) {
            uint32_t bits = 0;
            for (int i = 0; i < 4; i++) bits |= (four[half * 4 + i] >> 4 & 0x03030303u) << 2 * i;
            memcpy(to + 256 + half * 64 + r * 4, &bits, 4);
        }
}

INLINE void pack_group_as(uint32_t dtype, const hadal_kernel_tensor *stored, const hadal_kernel_tensor *packed, int64_t group) {
    const uint32_t kind = hadal_packing_of(dtype, HADAL_ISA_BASELINE), packing = kind | (packed->packing & HADAL_PACKED_BIASED);
    const int64_t columns = stored->columns, blocks = columns / HADAL_PACK_COLUMNS;
    const int64_t wide = block_columns(dtype), bytes = block_bytes(dtype), group_bytes = hadal_packed_group_bytes(kind, columns);
    const int64_t row = group * HADAL_PACK_ROWS, rows = stored->rows - row < HADAL_PACK_ROWS ? stored->rows - row : HADAL_PACK_ROWS;
    uint8_t *to = (uint8_t *)packed->data + group * group_bytes;
    if (rows < HADAL_PACK_ROWS) memset(to, 0, (size_t)group_bytes);
    /* Block after block, so that a line is written while it is near. */
    for (int64_t first = 0; first < columns; first += wide)
        for (int64_t r = 0; r < rows; r++) {
            const uint8_t *from = (const uint8_t *)stored->data + (row + r) * stored->stride + first / wide * bytes;
            stored_scales scales;
            stored_scales_of(dtype, from, &scales);
            pack_scales(kind, to, first / 32, wide / 32, r, &scales);
#pragma GCC unroll 8
            for (int64_t j = 0; j < wide / 32; j++) {
                vb16 code[2];
                stored_codes(dtype, from, j, code);
                pack_codes(packing, to + hadal_packed_code_at(kind, first / 32 + j, blocks), r, code);
            }
        }
}

/* Packs 16 rows. */
static __attribute__((unused)) void pack_group(const hadal_kernel_tensor *stored, const hadal_kernel_tensor *packed, int64_t group) {
#define PACK_GROUP(dtype) case dtype: pack_group_as(dtype, stored, packed, group); return
    switch (stored->dtype) {
    PACK_GROUP(HADAL_DTYPE_Q4_0);
    PACK_GROUP(HADAL_DTYPE_Q4_1);
    PACK_GROUP(HADAL_DTYPE_Q5_0);
    PACK_GROUP(HADAL_DTYPE_Q5_1);
    PACK_GROUP(HADAL_DTYPE_Q8_0);
    PACK_GROUP(HADAL_DTYPE_Q2_K);
    PACK_GROUP(HADAL_DTYPE_Q3_K);
    PACK_GROUP(HADAL_DTYPE_Q4_K);
    PACK_GROUP(HADAL_DTYPE_Q5_K);
    PACK_GROUP(HADAL_DTYPE_Q6_K);
    PACK_GROUP(HADAL_DTYPE_IQ4_NL);
    PACK_GROUP(HADAL_DTYPE_IQ4_XS);
    default: pack_group_as(HADAL_DTYPE_MXFP4, stored, packed, group);
    }
#undef PACK_GROUP
}
