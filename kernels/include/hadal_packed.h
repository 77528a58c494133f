/*
 * How the CPU plugin lays quantised weights and activations out.
 *
 * Activations: 8 bits, in blocks of 32 along the row, each with a float32 scale; see hadal_block.
 *
 * Weights: groups of 16 rows, interleaved so that one broadcast of four activations serves sixteen rows. A group holds first the
 * codes of all its blocks of 32 columns, then the scales of all its blocks, and starts on a 64-byte line. Line j of an 8-bit block holds, for row r,
 * columns 4j ... 4j + 3 in bytes 4r ... 4r + 3. Line j (0 ..< 4) of a 4-bit block holds columns 4j ... 4j + 3 in the low halves and
 * columns 4j + 16 ... 4j + 19 in the high halves. Rows beyond the last are zero.
 */
#ifndef HADAL_PACKED_H
#define HADAL_PACKED_H

#include "hadal_kernel.h"

enum { HADAL_PACK_ROWS = 16, HADAL_PACK_COLUMNS = 32 };

enum {
    HADAL_PACKED_NONE = 0,
    /* 4-bit codes, w = d (code - 8); scales: 16 float16 d. Q4_0 as it is. */
    HADAL_PACKED_4 = 1,
    /* 4-bit codes, w = d code + m; scales: 16 float16 d, 16 float16 m. Q4_1 as it is. */
    HADAL_PACKED_4_MIN = 2,
    /* 4-bit codes, w = d s code - e m. Scales for every 8 blocks: 16 float16 d, 16 float16 e, then 8 times 16 uint8 s, 16 uint8 m.
     * Q4_K as it is. */
    HADAL_PACKED_4_SUPER = 3,
    /* 4-bit floats (sign, 2 exponent bits, 1 mantissa bit), w = 2^(e - 127) f; scales: 16 uint8 e. MXFP4 as it is. */
    HADAL_PACKED_4_FLOAT = 4,
    /* Signed 8-bit codes, w = d code; scales: 16 float16 d. */
    HADAL_PACKED_8 = 5,
    /* Signed 8-bit codes, w = d code; scales: 16 float32 d of columns 0 ..< 16, 16 of columns 16 ..< 32. */
    HADAL_PACKED_8_HALVES = 6,
    /* As above with w = d code + m: then 16 float32 m of each half. */
    HADAL_PACKED_8_HALVES_MIN = 7,
    HADAL_PACKED_KINDS = 8,
    /* Added to an 8-bit kind: codes are stored with 128 added, as VNNI wants one factor unsigned. */
    HADAL_PACKED_BIASED = 256
};

/* A block of 32 quantised activations: x = scale * q. A row is columns int8 q, then columns / 32 of these. */
typedef struct hadal_block {
    float scale;
    float sum;                /* scale * (sum of all q) */
    int32_t low, high;        /* sums of q of columns 0 ..< 16 and 16 ..< 32 */
} hadal_block;

/* Bytes of a row of quantised activations. */
static inline int64_t hadal_quantised_stride(int64_t columns) { return columns + columns / 32 * (int64_t)sizeof(hadal_block); }

/* The packing that a stored type is given; 0: none. */
static inline uint32_t hadal_packing_of(uint32_t dtype) {
    switch (dtype) {
    case HADAL_DTYPE_Q4_0: return HADAL_PACKED_4;
    case HADAL_DTYPE_Q4_1: return HADAL_PACKED_4_MIN;
    case HADAL_DTYPE_Q4_K: return HADAL_PACKED_4_SUPER;
    case HADAL_DTYPE_Q5_0: case HADAL_DTYPE_Q8_0: case HADAL_DTYPE_IQ4_NL: return HADAL_PACKED_8;
    case HADAL_DTYPE_Q3_K: case HADAL_DTYPE_Q6_K: case HADAL_DTYPE_IQ4_XS: return HADAL_PACKED_8_HALVES;
    case HADAL_DTYPE_MXFP4: return HADAL_PACKED_4_FLOAT;
    case HADAL_DTYPE_Q5_1: case HADAL_DTYPE_Q2_K: case HADAL_DTYPE_Q5_K: return HADAL_PACKED_8_HALVES_MIN;
    default: return HADAL_PACKED_NONE;
    }
}

/* Bytes of the codes of one block of a group. */
static inline int64_t hadal_packed_code_bytes(uint32_t packing) { return (packing & 255) < HADAL_PACKED_8 ? 256 : 512; }

/* Bytes of the scales of a group's `blocks` blocks. */
static inline int64_t hadal_packed_scale_bytes(uint32_t packing, int64_t blocks) {
    switch (packing & 255) {
    case HADAL_PACKED_4: case HADAL_PACKED_8: return blocks * 32;
    case HADAL_PACKED_4_MIN: return blocks * 64;
    case HADAL_PACKED_4_SUPER: return (blocks + 7) / 8 * 320;
    case HADAL_PACKED_4_FLOAT: return blocks * 16;
    case HADAL_PACKED_8_HALVES: return blocks * 128;
    default: return blocks * 256;
    }
}

/* Bytes of one group of 16 rows. */
static inline int64_t hadal_packed_group_bytes(uint32_t packing, int64_t columns) {
    int64_t blocks = columns / HADAL_PACK_COLUMNS;
    return (blocks * hadal_packed_code_bytes(packing) + hadal_packed_scale_bytes(packing, blocks) + 63) / 64 * 64;
}

/* Bytes of a packed weight of `rows` x `columns`. */
static inline int64_t hadal_packed_bytes(uint32_t packing, int64_t rows, int64_t columns) {
    return (rows + HADAL_PACK_ROWS - 1) / HADAL_PACK_ROWS * hadal_packed_group_bytes(packing, columns);
}

#endif
