/* embedding: rows of a table by token id, decoded to float32, from the stored layout or from a packed weight shared with the head. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(embedding, 0)
#else
#include "hadal_packed.h"
#include "hadal_simd.h"
#include "hadal_blocks.h"

static void HADAL_FN(stored_row)(const hadal_kernel_tensor *weight, int64_t row, float *y) {
    const uint8_t *from = (const uint8_t *)weight->data + row * weight->stride;
    if (weight->dtype == HADAL_DTYPE_F32 || weight->dtype == HADAL_DTYPE_F16 || weight->dtype == HADAL_DTYPE_BF16) {
        floats_from(y, from, weight->dtype, weight->columns);
        return;
    }
    decoded_block block;
    const int64_t columns = block_columns(weight->dtype);
    for (int64_t c = 0; c < weight->columns; c += columns, from += block_bytes(weight->dtype)) {
        decode_block(weight->dtype, from, &block);
        for (int64_t i = 0; i < columns; i++) y[c + i] = block.scale[i / 16] * (float)block.code[i] + block.minimum[i / 16];
    }
}

INLINE float HADAL_FN(half)(const uint8_t *p) {
    uint16_t h;
    memcpy(&h, p, 2);
    return f16_to_f32(h);
}

/* Scale and minimum of row r of block b of a group, of both of its halves. */
INLINE void HADAL_FN(packed_scales)(uint32_t kind, const uint8_t *group, int64_t b, int64_t r, float *scale, float *minimum) {
    const uint8_t *super = group + hadal_packed_super_at(kind, b), *own = group + hadal_packed_own_at(kind, b);
    const float d = HADAL_FN(half)(super + 2 * r), e = HADAL_FN(half)(super + 32 + 2 * r);
    minimum[0] = minimum[1] = 0;
    switch (kind) {
    case HADAL_PACKED_4_FLOAT: {
        const uint32_t bits = (uint32_t)own[r] << 23;
        memcpy(&scale[0], &bits, 4);
        scale[0] *= 0.5f;
        break;
    }
    case HADAL_PACKED_4_MIN: case HADAL_PACKED_5_MIN:
        scale[0] = HADAL_FN(half)(own + 2 * r);
        minimum[0] = minimum[1] = HADAL_FN(half)(own + 32 + 2 * r);
        break;
    case HADAL_PACKED_4_SUPER: case HADAL_PACKED_5_SUPER:
        scale[0] = d * (float)own[r];
        minimum[0] = minimum[1] = -(e * (float)own[16 + r]);
        break;
    case HADAL_PACKED_4_TABLE_SUPER: scale[0] = d * (float)(int8_t)own[r]; break;
    case HADAL_PACKED_4_HALVES_MIN:
        for (int h = 0; h < 2; h++) {
            scale[h] = d * (float)own[h * 16 + r];
            minimum[h] = -(e * (float)own[32 + h * 16 + r]);
        }
        return;
    case HADAL_PACKED_4_HALVES: case HADAL_PACKED_6_HALVES:
        for (int h = 0; h < 2; h++) scale[h] = d * (float)(int8_t)own[h * 16 + r];
        return;
    default: scale[0] = HADAL_FN(half)(own + 2 * r);
    }
    scale[1] = scale[0];
}

/* What the code of column c of row r stands for without scales. codes: the block. */
INLINE int HADAL_FN(packed_code)(uint32_t packing, const uint8_t *codes, int64_t r, int64_t c) {
    static const int8_t twice_float[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    static const int8_t nonlinear[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
    const int64_t line = c / 4, place = r * 4 + c % 4;
    if ((packing & 255) == HADAL_PACKED_8) {
        const uint8_t byte = codes[line * 64 + place];
        return packing & HADAL_PACKED_BIASED ? (int)byte - 128 : (int8_t)byte;
    }
    int code = codes[line % 4 * 64 + place] >> (line < 4 ? 0 : 4) & 15;
    switch (packing) {
    case HADAL_PACKED_4: return code - 8;
    case HADAL_PACKED_4_FLOAT: return twice_float[code];
    case HADAL_PACKED_4_TABLE: case HADAL_PACKED_4_TABLE_SUPER: return nonlinear[code];
    case HADAL_PACKED_4_HALVES: return code - 4;
    case HADAL_PACKED_6_HALVES: return (code | (codes[256 + line / 4 * 64 + place] >> line % 4 * 2 & 3) << 4) - 32;
    case HADAL_PACKED_5: case HADAL_PACKED_5_MIN: case HADAL_PACKED_5_SUPER:
        code |= (codes[256 + place] >> line & 1) << 4;
        return packing == HADAL_PACKED_5 ? code - 16 : code;
    default: return code;
    }
}

static void HADAL_FN(packed_row)(const hadal_kernel_tensor *weight, int64_t row, float *y) {
    const uint32_t packing = weight->packing;
    const int64_t blocks = weight->columns / HADAL_PACK_COLUMNS, r = row % HADAL_PACK_ROWS;
    const uint8_t *group = (const uint8_t *)weight->data + row / HADAL_PACK_ROWS * hadal_packed_group_bytes(packing, weight->columns);
    for (int64_t b = 0; b < blocks; b++) {
        const uint8_t *codes = group + hadal_packed_code_at(packing, b, blocks);
        float scale[2], minimum[2];
        HADAL_FN(packed_scales)(packing & 255, group, b, r, scale, minimum);
        for (int64_t c = 0; c < 32; c++)
            y[b * 32 + c] = scale[c / 16] * (float)HADAL_FN(packed_code)(packing, codes, r, c) + minimum[c / 16];
    }
}

HADAL_KERNEL(embedding) {
    const int32_t *tokens = args->inputs[0].data;
    const hadal_kernel_tensor *weight = &args->inputs[1], *y = &args->outputs[0];
    int64_t i, end;
    hadal_share(y->rows, 1, thread, &i, &end);
    for (; i < end; i++) {
        float *to = (float *)((char *)y->data + i * y->stride);
        if (tokens[i] < 0 || tokens[i] >= weight->rows)
            memset(to, 0, (size_t)y->stride);
        else if (weight->packing)
            HADAL_FN(packed_row)(weight, tokens[i], to);
        else
            HADAL_FN(stored_row)(weight, tokens[i], to);
    }
}

#endif
