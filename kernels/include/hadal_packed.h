/*
 * How the CPU plugin lays quantised weights and activations out.
 *
 * Activations: 8 bits, in blocks of 32 along the row, each with a float32 scale; see hadal_block.
 *
 * Weights: groups of 16 rows, interleaved so that one broadcast of four activations serves sixteen rows. A group is read from its start to its end:
 * for every 8 blocks of 32 columns (at its end perhaps fewer) their scales, then their quantised values (codes), both in whole lines of 64 bytes.
 * The codes of a block are eight lines: line i holds, for row r, columns 4i ... 4i + 3 in bytes 4r ... 4r + 3. Codes of less than 8 bits are stored as
 *
 *     four lines, whose low halves are lines 0 ... 3 and whose high halves are lines 4 ... 7;
 *     of 5-bit codes then one line: bit i of a byte is bit 4 of the byte there in line i;
 *     of 6-bit codes then two lines: bits 2i and 2i + 1 are bits 4 and 5 of lines i and i + 4.
 *
 * Rows beyond the last are zero. A weight takes the bytes that its file has for it, but for those rows and the ends of groups.
 */
#ifndef HADAL_PACKED_H
#define HADAL_PACKED_H

#include "hadal_kernel.h"

enum { HADAL_PACK_ROWS = 16, HADAL_PACK_COLUMNS = 32 };

/*
 * Scales are given as what stands for the 16 rows of a group, one array after the other. `super` comes once for 8 blocks, in front of what each
 * has of its own; "halves" are columns 0 ..< 16 and 16 ..< 32 of a block.
 */
enum {
    HADAL_PACKED_NONE = 0,
    HADAL_PACKED_4 = 1,             /* Q4_0: w = d (code - 8); float16 d */
    HADAL_PACKED_4_MIN = 2,         /* Q4_1: w = d code + m; float16 d, m */
    HADAL_PACKED_4_SUPER = 3,       /* Q4_K: w = d s code - e m; super: float16 d, e; uint8 s, m */
    HADAL_PACKED_4_FLOAT = 4,       /* MXFP4: w = 2^(e - 127) f(code); uint8 e */
    HADAL_PACKED_4_TABLE = 5,       /* IQ4_NL: w = d t(code); float16 d */
    HADAL_PACKED_4_TABLE_SUPER = 6, /* IQ4_XS: w = d s t(code); super: float16 d; int8 s */
    HADAL_PACKED_4_HALVES = 7,      /* Q3_K: w = d s (code - 4); super: float16 d; int8 s of each half */
    HADAL_PACKED_4_HALVES_MIN = 8,  /* Q2_K: w = d s code - e m; super: float16 d, e; uint8 s of each half, m of each half */
    HADAL_PACKED_5 = 9,             /* Q5_0: w = d (code - 16); float16 d */
    HADAL_PACKED_5_MIN = 10,        /* Q5_1: w = d code + m; float16 d, m */
    HADAL_PACKED_5_SUPER = 11,      /* Q5_K: as HADAL_PACKED_4_SUPER */
    HADAL_PACKED_6_HALVES = 12,     /* Q6_K: w = d s (code - 32); super: float16 d; int8 s of each half */
    HADAL_PACKED_8 = 13,            /* Q8_0: w = d code, signed; float16 d */
    HADAL_PACKED_KINDS = 14,
    /* Added to HADAL_PACKED_8: quantised values are stored with 128 added, as VNNI requires one factor to be unsigned. */
    HADAL_PACKED_BIASED = 256
};

/* A block of 32 quantised activations: x = scale * q. */
typedef struct hadal_block {
    float scale;
    float sum;                /* scale * (sum of all q) */
    int32_t low, high;        /* sums of q of columns 0 ..< 16 and 16 ..< 32 */
} hadal_block;

/* Bytes of one term of a row of quantised activations: columns int8 q, then columns / 32 blocks. */
static inline int64_t hadal_term_bytes(int64_t columns) { return columns + columns / 32 * (int64_t)sizeof(hadal_block); }

/*
 * Bytes of a row of quantised activations of one term or two. The second term is what the first leaves over, of some blocks only: after both
 * terms come their number and their indices, ascending, as int32.
 */
static inline int64_t hadal_quantised_stride(int64_t columns, int64_t terms) {
    const int64_t listed = terms > 1 ? (4 * (1 + columns / 32) + 15) / 16 * 16 : 0;
    return terms * hadal_term_bytes(columns) + listed;
}

/* Rows of activations that a weight is multiplied with at a time. */
enum { HADAL_CHUNK_ROWS = 128 };

/* Scratch for the block list of a chunk: which of its rows have a second term of which blocks. */
static inline uint64_t hadal_block_list_bytes(int64_t columns, int64_t stride) {
    const int64_t blocks = columns / 32;
    return stride > hadal_term_bytes(columns) ? (uint64_t)(4 * (blocks + 2) + HADAL_CHUNK_ROWS * blocks) : 0;
}

/* The name of before, for kernels of other folders. */
#define hadal_listing_bytes hadal_block_list_bytes

/* The packing that a stored type is given for an instruction set; 0: none. */
static inline uint32_t hadal_packing_of(uint32_t dtype, uint32_t isa) {
    switch (dtype) {
    case HADAL_DTYPE_Q4_0: return HADAL_PACKED_4;
    case HADAL_DTYPE_Q4_1: return HADAL_PACKED_4_MIN;
    case HADAL_DTYPE_Q4_K: return HADAL_PACKED_4_SUPER;
    case HADAL_DTYPE_MXFP4: return HADAL_PACKED_4_FLOAT;
    case HADAL_DTYPE_IQ4_NL: return HADAL_PACKED_4_TABLE;
    case HADAL_DTYPE_IQ4_XS: return HADAL_PACKED_4_TABLE_SUPER;
    case HADAL_DTYPE_Q3_K: return HADAL_PACKED_4_HALVES;
    case HADAL_DTYPE_Q2_K: return HADAL_PACKED_4_HALVES_MIN;
    case HADAL_DTYPE_Q5_0: return HADAL_PACKED_5;
    case HADAL_DTYPE_Q5_1: return HADAL_PACKED_5_MIN;
    case HADAL_DTYPE_Q5_K: return HADAL_PACKED_5_SUPER;
    case HADAL_DTYPE_Q6_K: return HADAL_PACKED_6_HALVES;
    case HADAL_DTYPE_Q8_0: return isa == HADAL_ISA_AVX512VNNI ? HADAL_PACKED_8 | HADAL_PACKED_BIASED : HADAL_PACKED_8;
    default: return HADAL_PACKED_NONE;
    }
}

/* Bytes of the codes of one block of a group. */
static inline int64_t hadal_packed_code_bytes(uint32_t packing) {
    switch (packing & 255) {
    case HADAL_PACKED_5: case HADAL_PACKED_5_MIN: case HADAL_PACKED_5_SUPER: return 320;
    case HADAL_PACKED_6_HALVES: return 384;
    case HADAL_PACKED_8: return 512;
    default: return 256;
    }
}

/* Bytes of scales that a block has of its own, and of those that 8 blocks share. */
static inline int64_t hadal_packed_own_bytes(uint32_t packing) {
    switch (packing & 255) {
    case HADAL_PACKED_4_FLOAT: case HADAL_PACKED_4_TABLE_SUPER: return 16;
    case HADAL_PACKED_4_MIN: case HADAL_PACKED_5_MIN: case HADAL_PACKED_4_HALVES_MIN: return 64;
    default: return 32;
    }
}
static inline int64_t hadal_packed_super_bytes(uint32_t packing) {
    switch (packing & 255) {
    case HADAL_PACKED_4_TABLE_SUPER: case HADAL_PACKED_4_HALVES: case HADAL_PACKED_6_HALVES: return 32;
    case HADAL_PACKED_4_SUPER: case HADAL_PACKED_5_SUPER: case HADAL_PACKED_4_HALVES_MIN: return 64;
    default: return 0;
    }
}

/* Bytes of the scales of `blocks` (at most 8) blocks that lie together. */
static inline int64_t hadal_packed_scale_bytes(uint32_t packing, int64_t blocks) {
    return (hadal_packed_super_bytes(packing) + blocks * hadal_packed_own_bytes(packing) + 63) / 64 * 64;
}

/* Where, in a group, the scales begin that block b shares, then its own, and its codes where the group has `blocks` blocks. */
static inline int64_t hadal_packed_super_at(uint32_t packing, int64_t b) {
    return b / 8 * (hadal_packed_scale_bytes(packing, 8) + 8 * hadal_packed_code_bytes(packing));
}
static inline int64_t hadal_packed_own_at(uint32_t packing, int64_t b) {
    return hadal_packed_super_at(packing, b) + hadal_packed_super_bytes(packing) + b % 8 * hadal_packed_own_bytes(packing);
}
static inline int64_t hadal_packed_code_at(uint32_t packing, int64_t b, int64_t blocks) {
    const int64_t together = blocks - b / 8 * 8 < 8 ? blocks % 8 : 8;
    return hadal_packed_super_at(packing, b) + hadal_packed_scale_bytes(packing, together) + b % 8 * hadal_packed_code_bytes(packing);
}

/* Bytes of one group of 16 rows. */
static inline int64_t hadal_packed_group_bytes(uint32_t packing, int64_t columns) {
    const int64_t blocks = columns / HADAL_PACK_COLUMNS;
    return blocks ? hadal_packed_code_at(packing, blocks - 1, blocks) + hadal_packed_code_bytes(packing) : 0;
}

/* Bytes of a packed weight of `rows` x `columns`. */
static inline int64_t hadal_packed_bytes(uint32_t packing, int64_t rows, int64_t columns) {
    return (rows + HADAL_PACK_ROWS - 1) / HADAL_PACK_ROWS * hadal_packed_group_bytes(packing, columns);
}

#endif
