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

static void HADAL_FN(packed_row)(const hadal_kernel_tensor *weight, int64_t row, float *y) {
    static const int8_t twice_float[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    const uint32_t kind = weight->packing & 255;
    const int64_t blocks = weight->columns / HADAL_PACK_COLUMNS, code_bytes = hadal_packed_code_bytes(kind), r = row % HADAL_PACK_ROWS;
    const uint8_t *codes = (const uint8_t *)weight->data + row / HADAL_PACK_ROWS * hadal_packed_group_bytes(kind, weight->columns);
    const uint8_t *scales = codes + blocks * code_bytes;
    for (int64_t b = 0; b < blocks; b++, codes += code_bytes) {
        float scale[2], minimum[2] = {0, 0};
        switch (kind) {
        case HADAL_PACKED_4: case HADAL_PACKED_8:
            scale[0] = scale[1] = block_half(scales + b * 32 + 2 * r);
            break;
        case HADAL_PACKED_4_MIN:
            scale[0] = scale[1] = block_half(scales + b * 64 + 2 * r);
            minimum[0] = minimum[1] = block_half(scales + b * 64 + 32 + 2 * r);
            break;
        case HADAL_PACKED_4_FLOAT: {
            const uint32_t bits = (uint32_t)scales[b * 16 + r] << 23;
            memcpy(&scale[0], &bits, 4);
            scale[0] = scale[1] = scale[0] * 0.5f;
            break;
        }
        case HADAL_PACKED_4_SUPER: {
            const uint8_t *super = scales + b / 8 * 320, *pair = super + 64 + b % 8 * 32;
            scale[0] = scale[1] = block_half(super + 2 * r) * (float)pair[r];
            minimum[0] = minimum[1] = -(block_half(super + 32 + 2 * r) * (float)pair[16 + r]);
            break;
        }
        default:
            for (int h = 0; h < 2; h++) {
                const uint8_t *at = scales + (kind == HADAL_PACKED_8_HALVES ? b * 128 : b * 256) + h * 64 + 4 * r;
                memcpy(&scale[h], at, 4);
                if (kind == HADAL_PACKED_8_HALVES_MIN) memcpy(&minimum[h], at + 128, 4);
            }
        }
        for (int64_t c = 0; c < 32; c++) {
            int code;
            if (kind < HADAL_PACKED_8) {
                code = codes[c % 16 / 4 * 64 + r * 4 + c % 4];
                code = c < 16 ? code & 15 : code >> 4;
                if (kind == HADAL_PACKED_4) code -= 8;
                if (kind == HADAL_PACKED_4_FLOAT) code = twice_float[code];
            } else {
                uint8_t byte = codes[c / 4 * 64 + r * 4 + c % 4];
                code = weight->packing & HADAL_PACKED_BIASED ? (int)byte - 128 : (int8_t)byte;
            }
            y[b * 32 + c] = scale[c / 16] * (float)code + minimum[c / 16];
        }
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
