/* Quantising blocks of activations, and packing stored weights. Included once per pass, after hadal_blocks.h. */
#ifndef HADAL_QUANTISE_NAMES
#define HADAL_QUANTISE_NAMES
#define quantise_block HADAL_FN(quantise_block)
#define quantise_terms HADAL_FN(quantise_terms)
#define pack_group HADAL_FN(pack_group)
#define spread_nibbles HADAL_FN(spread_nibbles)
#define pack_scales HADAL_FN(pack_scales)
#endif

/* 32 floats to whole numbers in -127 ... 127 and a scale: the largest magnitude becomes 127. */
INLINE void quantise_block(const float *x, int8_t *q, hadal_block *block) {
    vf top = {0};
    for (int i = 0; i < 32; i += LANES) {
        vf v = v_load(x + i);
        top = v_max(top, (vf)((vi)v & 0x7fffffff));
    }
    const float most = v_highest(top);
    const float inverse = most > 1e-30f ? 127.0f / most : 0.0f;
    const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number */
    int32_t half[2] = {0, 0};
    for (int i = 0; i < 32; i += LANES) {
        vi whole = (vi)(v_load(x + i) * inverse + shift) - 0x4b400000;
        typedef int8_t narrow __attribute__((vector_size(LANES)));
        narrow bytes = __builtin_convertvector(whole, narrow);
        memcpy(q + i, &bytes, LANES);
    }
    for (int i = 0; i < 16; i++) half[0] += q[i], half[1] += q[i + 16];
    block->scale = most > 1e-30f ? most / 127.0f : 0.0f;
    block->low = half[0];
    block->high = half[1];
    block->sum = block->scale * (float)(half[0] + half[1]);
}

/*
 * Block b of a row of `columns` floats, into a row of `stride` bytes: one or two times hadal_quantised_stride(columns). The second term
 * is what the first left over, quantised in its turn: together they carry 15 bits.
 */
INLINE void quantise_terms(const float *x, int8_t *q, int64_t columns, int64_t stride, int64_t b) {
    const int64_t term_bytes = hadal_quantised_stride(columns);
    hadal_block *block = (hadal_block *)(q + columns) + b;
    quantise_block(x + b * 32, q + b * 32, block);
    if (stride == term_bytes) return;
    float rest[32];
    for (int i = 0; i < 32; i++) rest[i] = x[b * 32 + i] - block->scale * (float)q[b * 32 + i];
    q += term_bytes;
    quantise_block(rest, q + b * 32, (hadal_block *)(q + columns) + b);
}

/* Sixteen bytes of two 4-bit codes, low halves first, as 32 codes. */
INLINE void spread_nibbles(int8_t *code, const uint8_t *from) {
    for (int i = 0; i < 16; i++) {
        code[i] = (int8_t)(from[i] & 15);
        code[i + 16] = (int8_t)(from[i] >> 4);
    }
}

/* Row r's scales of the `count` blocks from `first` on, which `from` decodes. */
INLINE void pack_scales(uint32_t kind, uint8_t *scales, int64_t first, int64_t count, int64_t r, const decoded_block *from) {
    for (int64_t j = 0; j < count; j++) {
        const int64_t b = first + j;
        switch (kind) {
        case HADAL_PACKED_4: case HADAL_PACKED_8: memcpy(scales + b * 32 + 2 * r, &from->d, 2); break;
        case HADAL_PACKED_4_MIN:
            memcpy(scales + b * 64 + 2 * r, &from->d, 2);
            memcpy(scales + b * 64 + 32 + 2 * r, &from->e, 2);
            break;
        case HADAL_PACKED_4_FLOAT: scales[b * 16 + r] = from->s[j]; break;
        case HADAL_PACKED_4_SUPER:
            memcpy(scales + b / 8 * 320 + 2 * r, &from->d, 2);
            memcpy(scales + b / 8 * 320 + 32 + 2 * r, &from->e, 2);
            scales[b / 8 * 320 + 64 + b % 8 * 32 + r] = from->s[j];
            scales[b / 8 * 320 + 64 + b % 8 * 32 + 16 + r] = from->m[j];
            break;
        default:
            for (int h = 0; h < 2; h++) {
                uint8_t *at = scales + (kind == HADAL_PACKED_8_HALVES ? b * 128 : b * 256) + h * 64 + 4 * r;
                memcpy(at, &from->scale[2 * j + h], 4);
                if (kind == HADAL_PACKED_8_HALVES_MIN) memcpy(at + 128, &from->minimum[2 * j + h], 4);
            }
        }
    }
}

/* Packs 16 rows. */
static __attribute__((unused)) void pack_group(const hadal_kernel_tensor *stored, const hadal_kernel_tensor *packed, int64_t group) {
    const uint32_t kind = packed->packing & 255;
    /* Adding 128, or 8, to a code turns its top bit. */
    const uint32_t turned = kind == HADAL_PACKED_4 ? 0x88888888u : packed->packing & HADAL_PACKED_BIASED ? 0x80808080u : 0;
    const int64_t columns = stored->columns, blocks = columns / HADAL_PACK_COLUMNS, code_bytes = hadal_packed_code_bytes(kind);
    const int64_t wide = block_columns(stored->dtype), bytes = block_bytes(stored->dtype);
    uint8_t *codes = (uint8_t *)packed->data + group * hadal_packed_group_bytes(kind, columns), *scales = codes + blocks * code_bytes;
    memset(codes, 0, (size_t)hadal_packed_group_bytes(kind, columns));
    for (int64_t r = 0; r < HADAL_PACK_ROWS && group * HADAL_PACK_ROWS + r < stored->rows; r++) {
        const uint8_t *from = (const uint8_t *)stored->data + (group * HADAL_PACK_ROWS + r) * stored->stride;
        decoded_block block;
        for (int64_t first = 0; first < columns; first += wide, from += bytes) {
            decode_block(stored->dtype, from, &block);
            if (kind == HADAL_PACKED_4_FLOAT) spread_nibbles(block.code, from + 1);
            pack_scales(kind, scales, first / 32, wide / 32, r, &block);
            for (int64_t b = 0; b < wide / 32; b++) {
                uint8_t *to = codes + (first / 32 + b) * code_bytes + r * 4;
                uint32_t code[8];
                memcpy(code, block.code + b * 32, 32);
                if (kind < HADAL_PACKED_8)
                    /* Four bits of a number in -8 ... 7, with 8 added, are its own with the top one turned. */
                    for (int j = 0; j < 4; j++) {
                        uint32_t both = ((code[j] & 0x0f0f0f0fu) | (code[j + 4] & 0x0f0f0f0fu) << 4) ^ turned;
                        memcpy(to + j * 64, &both, 4);
                    }
                else
                    for (int j = 0; j < 8; j++) {
                        uint32_t four = code[j] ^ turned;
                        memcpy(to + j * 64, &four, 4);
                    }
            }
        }
    }
}
