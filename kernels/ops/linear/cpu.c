/*
 * linear: y = x W^T + b (+ residual).
 *
 * Float weights are used as stored: row by row for few tokens, in panels widened in the cache for many, and float32 ones through a matrix
 * library then, where there is one and it is faster. Activations that are multiplied with bfloat16 weights may be rounded to bfloat16, if an option says so.
 * Quantised weights are packed once (linear_pack) and multiplied with activations quantised to 8 bits in blocks of 32 (linear_quantise): integer dot
 * products of a block, exact, then one float multiply-add with both scales. hadal_packed.h has the layouts.
 */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_packed.h"
#include "hadal_bf16.h"

/* Attributes: rows and columns of the blocks of float8 scales, and whether activations may be rounded to bfloat16. */
enum { BLOCK_ROWS, BLOCK_COLUMNS, ROUNDS };

/* Whether many tokens are rounded to bfloat16 and multiplied two columns at a time. */
static int linear_rounds(const hadal_kernel_args *args) {
    return args->attributes[ROUNDS].i && args->inputs[1].dtype == HADAL_DTYPE_BF16 && args->inputs[1].columns % 2 == 0 && bf16_available();
}

static uint64_t linear_scratch(const hadal_kernel_args *args) {
    if (args->inputs[1].packing) return hadal_block_list_bytes(args->inputs[0].columns, args->inputs[0].stride);
    return linear_rounds(args) ? 2 * HADAL_CHUNK_ROWS * (uint64_t)args->inputs[1].columns : 0;
}

static uint64_t gate_scratch(const hadal_kernel_args *args) { return hadal_block_list_bytes(args->inputs[0].columns, args->inputs[0].stride); }
static uint64_t norm_scratch(const hadal_kernel_args *args) { return 4 * (uint64_t)args->inputs[0].columns; }

/* Tokens from which float weights are multiplied in panels, or float32 ones by the matrix library. */
enum { LINEAR_MANY_TOKENS = 16 };
/* Rows of activations that a thread multiplies with a whole packed weight rather than share them and take a part of it. */
enum { LINEAR_ROWS_OF_THREAD = 96 };

/* Whether rows of n floats have their lines in the same sets of a first-level cache. */
#define SHARES_LINES(n) ((n) * 4 % 4096 == 0)

#include "hadal_intrinsics.h"
#include "hadal_each_isa.h"

HADAL_EXPORT_KERNEL(linear, linear_scratch)
HADAL_EXPORT_KERNEL(linear_gate, gate_scratch)
HADAL_EXPORT_KERNEL(linear_pack, 0)
HADAL_EXPORT_KERNEL(linear_quantise, 0)
HADAL_EXPORT_KERNEL(linear_quantise_norm, norm_scratch)
#else
#include "hadal_packed.h"
#include "hadal_simd.h"
#include "hadal_blocks.h"
#include "hadal_quantise.h"
#include "hadal_float.h"
#include "hadal_codes.h"
#include "hadal_dot.h"
#include "hadal_gate.h"
#include "hadal_norm.h"

/* ---- packing --------------------------------------------------------------------------------------------------- */

/* inputs: the stored weight; output: the packed one. */
HADAL_KERNEL(linear_pack) {
    const hadal_kernel_tensor *stored = &args->inputs[0], *packed = &args->outputs[0];
    int64_t group, end;
    hadal_share((stored->rows + HADAL_PACK_ROWS - 1) / HADAL_PACK_ROWS, 1, thread, &group, &end);
    for (; group < end; group++) pack_group(stored, packed, group);
}

/* ---- quantising activations ------------------------------------------------------------------------------------ */

/* input: x [N, K]; output: rows of one or two terms; attribute: the share, see quantise_row. */
HADAL_KERNEL(linear_quantise) {
    const hadal_kernel_tensor *x = &args->inputs[0], *q = &args->outputs[0];
    quantise_rows(x->data, x->stride / 4, q->data, x->rows, x->columns, q->stride, (float)args->attributes[0].f, thread);
}

/*
 * The same of rows over their root mean square, times a weight: rms_norm and linear_quantise at once.
 * inputs: x, the norm's weight, or none; attributes: the share, eps.
 */
HADAL_KERNEL(linear_quantise_norm) {
    const hadal_kernel_tensor *x = &args->inputs[0], *q = &args->outputs[0];
    const int64_t columns = x->columns, blocks = columns / 32;
    const float share = (float)args->attributes[0].f, eps = (float)args->attributes[1].f;
    float *y = thread->scratch;
    int64_t row = 0, last = x->rows, begin = 0, end = blocks;
    /* Of fewer rows than threads, each thread has some blocks of every row. */
    if (x->rows < thread->count)
        hadal_share(blocks, 1, thread, &begin, &end);
    else
        hadal_share(x->rows, 1, thread, &row, &last);
    for (; row < last && begin < end; row++) {
        normalise((const float *)((const char *)x->data + row * x->stride), args->inputs[1].data, y, columns, eps);
        quantise_row(y, (int8_t *)q->data + row * q->stride, columns, q->stride, share, begin, end);
    }
}

/* ---- float weights --------------------------------------------------------------------------------------------- */

INLINE void HADAL_FN(float_rows)(uint32_t dtype, const hadal_kernel_args *args, int64_t begin, int64_t end) {
    const hadal_kernel_tensor *weight = &args->inputs[1], *scales = &args->inputs[4], *y = &args->outputs[0];
    const float *x = args->inputs[0].data, *bias = args->inputs[2].data, *residual = args->inputs[3].data;
    const int64_t n = weight->columns, stride = y->columns, tokens = y->rows, next = 4 * weight->stride - n * (dtype == HADAL_DTYPE_F32 ? 4 : 2);
    for (int64_t row = begin; row < end; row += 4) {
        const int64_t count = end - row < 4 ? end - row : 4;
        const uint8_t *w[4];
        const float *scale[4];
        for (int64_t r = 0; r < 4; r++) {
            const int64_t at = row + (r < count ? r : 0);
            w[r] = (const uint8_t *)weight->data + at * weight->stride;
            scale[r] = scales->data ? (const float *)scales->data + at / args->attributes[BLOCK_ROWS].i * scales->columns : 0;
        }
        for (int64_t t = 0; t < tokens;) {
            float out[8];
            const int taken = t + 2 <= tokens ? 2 : 1;
            if (dtype == HADAL_DTYPE_F8_E4M3) {
                if (taken == 2)
                    float8_tile(2, w, scale, args->attributes[BLOCK_COLUMNS].i, x + t * n, n, n, out);
                else
                    float8_tile(1, w, scale, args->attributes[BLOCK_COLUMNS].i, x + t * n, n, n, out);
            } else if (taken == 2) {
                float_tile(dtype, 2, w, next, x + t * n, n, n, out);
            } else {
                float_tile(dtype, 1, w, next, x + t * n, n, n, out);
            }
            for (int u = 0; u < taken; u++, t++) {
                float *v = out + u * 4;
                /* Not a condition within a loop: compilers load from NULL with a mask then, which some processors take hundreds of cycles for. */
                if (bias)
                    for (int64_t r = 0; r < count; r++) v[r] += bias[row + r];
                if (residual)
                    for (int64_t r = 0; r < count; r++) v[r] += residual[t * stride + row + r];
                memcpy((float *)y->data + t * stride + row, v, (size_t)count * 4);
            }
        }
    }
}

/* sum: what lies at `now` in the first of `rows` elements, or, where that is NULL, the bias and the residual that there are. */
INLINE void HADAL_FN(panel_begin)(const float *now, const float *bias, const float *residual, int64_t rows, vf *sum) {
    for (int64_t h = 0; h < 2; h++) {
        const float *const from[3] = {now, now ? 0 : bias, now ? 0 : residual};
        const int64_t count = rows - h * LANES;
        sum[h] = v_splat(0);
        for (int i = 0; i < 3; i++)
            if (from[i] && count > 0) sum[h] += count >= LANES ? v_load(from[i] + h * LANES) : v_load_part(from[i] + h * LANES, count);
    }
}

/* Rows begin ..< end of y for `tokens` tokens from `token` on; x: their activations, n floats each. Where `rounds`, floats hold pairs of bfloat16. */
INLINE void HADAL_FN(panel_rows)(
    uint32_t dtype, int rounds, const hadal_kernel_args *args, const float *x, int64_t n, int64_t token, int64_t tokens, int64_t begin, int64_t end) {
    const hadal_kernel_tensor *weight = &args->inputs[1], *scales = &args->inputs[4], *y = &args->outputs[0];
    const float *bias = args->inputs[2].data, *residual = args->inputs[3].data;
    /* The next tile is prefetched, unless its rows would drive those of this one from the first-level cache. */
    const int64_t next = LANES == 8 && !SHARES_LINES(n) ? PANEL_TOKENS * n : 0;
    const int64_t stride = y->columns, size = dtype == HADAL_DTYPE_F32 ? 4 : dtype == HADAL_DTYPE_F8_E4M3 ? 1 : 2;
    _Alignas(64) float panel[PANEL_COLUMNS * PANEL_ROWS];
    for (int64_t row = begin; row < end; row += PANEL_ROWS) {
        const int64_t rows = end - row < PANEL_ROWS ? end - row : PANEL_ROWS;
        const float *scale[PANEL_ROWS];
        for (int64_t r = 0; scales->data && r < rows; r++) scale[r] = (const float *)scales->data + (row + r) / args->attributes[BLOCK_ROWS].i * scales->columns;
        for (int64_t first = 0; first < n; first += PANEL_COLUMNS) {
            const int64_t columns = n - first < PANEL_COLUMNS ? n - first : PANEL_COLUMNS;
            panel_pack(rounds ? HADAL_DTYPE_F32 : dtype, (const uint8_t *)weight->data + row * weight->stride, weight->stride, first, columns, rows,
                       scales->data ? scale : 0, args->attributes[BLOCK_COLUMNS].i, panel);
            const int is_last = first + columns == n;
            const uint8_t *ahead = (const uint8_t *)weight->data + (row + (is_last ? PANEL_ROWS : 0)) * weight->stride + (is_last ? 0 : first + columns) * size;
            for (int64_t t = 0; t < tokens; t += PANEL_TOKENS) {
                const int taken = tokens - t < PANEL_TOKENS ? (int)(tokens - t) : PANEL_TOKENS;
                vf sum[PANEL_TOKENS][2] = {{v_splat(0), v_splat(0)}};
                /* A line of each row of the panel that comes next, and the results of the tile that does. */
                for (int r = 0; r < PANEL_ROWS; r++) __builtin_prefetch(ahead + r * weight->stride + t / PANEL_TOKENS * 64, 0, 2);
                for (int u = 0; u < taken; u++) __builtin_prefetch((const float *)y->data + (token + t + PANEL_TOKENS + u) * stride + row, 1);
                for (int u = 0; u < taken; u++) {
                    const int64_t at = (token + t + u) * stride + row;
                    HADAL_FN(panel_begin)(first ? (const float *)y->data + at : 0, bias ? bias + row : 0, residual ? residual + at : 0, rows, sum[u]);
                }
                const float *from = x + t * n + first;
                if (rounds)
                    bf16_tile(taken, panel, from, n, columns, (float *)sum);
                else
                    switch (taken) {
                    case 6: panel_tile(6, panel, from, n, next, columns, sum); break;
                    case 5: panel_tile(5, panel, from, n, next, columns, sum); break;
                    case 4: panel_tile(4, panel, from, n, next, columns, sum); break;
                    case 3: panel_tile(3, panel, from, n, next, columns, sum); break;
                    case 2: panel_tile(2, panel, from, n, next, columns, sum); break;
                    default: panel_tile(1, panel, from, n, next, columns, sum);
                    }
                for (int u = 0; u < taken; u++) {
                    float *to = (float *)y->data + (token + t + u) * stride + row;
                    for (int64_t h = 0; h < 2 && h * LANES < rows; h++)
                        if (rows - h * LANES >= LANES)
                            v_store(to + h * LANES, sum[u][h]);
                        else
                            v_store_part(to + h * LANES, sum[u][h], rows - h * LANES);
                }
            }
        }
    }
}

/* The same with activations rounded to bfloat16, in the thread's scratch, some tokens at a time. */
static void HADAL_FN(rounded_rows)(const hadal_kernel_args *args, const hadal_kernel_thread *thread, int64_t begin, int64_t end) {
    const int64_t n = args->inputs[1].columns, all = args->outputs[0].rows;
    uint16_t *rounded = thread->scratch;
    for (int64_t token = 0; token < all; token += HADAL_CHUNK_ROWS) {
        const int64_t tokens = all - token < HADAL_CHUNK_ROWS ? all - token : HADAL_CHUNK_ROWS;
        const float *from = (const float *)args->inputs[0].data + token * n;
        for (int64_t i = 0; i < tokens * n; i++) rounded[i] = f32_to_bf16(from[i]);
        HADAL_FN(panel_rows)(HADAL_DTYPE_BF16, 1, args, (const float *)rounded, n / 2, token, tokens, begin, end);
    }
}

/* A thread's share of a product with a float weight: tokens of the activations and rows of the weight. */
typedef struct {
    int64_t token, last, row, end;
} HADAL_FN(float_part);

/* `by_token`: of many tokens a thread has some, with the whole weight, as in ops that go row by row; else all, with some rows of the weight. */
INLINE HADAL_FN(float_part) HADAL_FN(float_share)(int by_token, const hadal_kernel_args *args, const hadal_kernel_thread *thread) {
    HADAL_FN(float_part) part = {0, args->outputs[0].rows, 0, args->inputs[1].rows};
    if (by_token && part.last >= LINEAR_ROWS_OF_THREAD * thread->count)
        hadal_share(part.last, 1, thread, &part.token, &part.last);
    else
        hadal_share(part.end, 4, thread, &part.row, &part.end);
    return part;
}

INLINE void HADAL_FN(rows_as_stored)(uint32_t dtype, const hadal_kernel_args *args, const hadal_kernel_thread *thread) {
    const HADAL_FN(float_part) part = HADAL_FN(float_share)(dtype == HADAL_DTYPE_F32, args, thread);
    const int64_t n = args->inputs[1].columns;
    if (args->outputs[0].rows < LINEAR_MANY_TOKENS)
        HADAL_FN(float_rows)(dtype, args, part.row, part.end);
    else if (LANES == 16 && dtype == HADAL_DTYPE_BF16 && linear_rounds(args))
        HADAL_FN(rounded_rows)(args, thread, part.row, part.end);
    else
        HADAL_FN(panel_rows)(
            dtype, 0, args, (const float *)args->inputs[0].data + part.token * n, n, part.token, part.last - part.token, part.row, part.end);
}

/* to[begin ..< end] += added[begin ..< end]. */
INLINE void HADAL_FN(add_rows)(float *to, const float *added, int64_t begin, int64_t end) {
    int64_t row = begin;
    for (; row + LANES <= end; row += LANES) v_store(to + row, v_load(to + row) + v_load(added + row));
    for (; row < end; row++) to[row] += added[row];
}

static void HADAL_FN(library_rows)(const hadal_kernel_args *args, const hadal_kernel_thread *thread) {
    const hadal_kernel_tensor *weight = &args->inputs[1], *y = &args->outputs[0];
    const float *bias = args->inputs[2].data, *residual = args->inputs[3].data;
    const int64_t n = weight->columns, stride = y->columns;
    const HADAL_FN(float_part) part = HADAL_FN(float_share)(1, args, thread);
    if (part.token >= part.last || part.row >= part.end) return;
    float *to = y->data;
    const float *x = (const float *)args->inputs[0].data + part.token * n;
    const float *from = (const float *)((const uint8_t *)weight->data + part.row * weight->stride);
    thread->sgemm(part.last - part.token, part.end - part.row, n, x, n, from, n, to + part.token * stride + part.row, stride);
    for (int64_t t = part.token; t < part.last; t++) {
        if (bias) HADAL_FN(add_rows)(to + t * stride, bias, part.row, part.end);
        if (residual) HADAL_FN(add_rows)(to + t * stride, residual + t * stride, part.row, part.end);
    }
}

/* ---- the kernel ------------------------------------------------------------------------------------------------ */

/* What is done with 16 rows, or two times that, of a chunk: out[t * DOT_WIDE + r] are the products of `count` rows from `row` on with `tokens` tokens. */
INLINE void HADAL_FN(packed_results)(
    const hadal_kernel_args *args, int64_t first, int64_t tokens, int64_t row, int64_t count, const float *out) {
    const int64_t stride = args->outputs[0].columns;
    const float *bias = args->inputs[2].data, *residual = args->inputs[3].data;
    for (int64_t t = 0; t < tokens; t++) {
        const float *sum = out + t * DOT_WIDE, *add = residual ? residual + (first + t) * stride + row : 0;
        float *to = (float *)args->outputs[0].data + (first + t) * stride + row;
        int64_t i = 0;
        for (; i + LANES <= count; i += LANES) {
            vf v = v_load(sum + i);
            if (bias) v += v_load(bias + row + i);
            if (add) v += v_load(add + i);
            v_store(to + i, v);
        }
        for (; i < count; i++) {
            float v = sum[i];
            if (bias) v += bias[row + i];
            if (add) v += add[i];
            to[i] = v;
        }
    }
}

/* A thread's share of a product: rows of activations and groups of the weight. */
typedef struct {
    int64_t row, last, group, end;
} HADAL_FN(packed_part);

/*
 * Of many rows a thread has some, with the whole weight, as in ops that go row by row: what it reads is what it wrote, in its own caches. Of fewer it has all,
 * with a part of the weight, which is then unpacked once.
 */
INLINE HADAL_FN(packed_part) HADAL_FN(packed_share)(int64_t rows, int64_t columns, const hadal_kernel_thread *thread) {
    HADAL_FN(packed_part) part = {0, rows, 0, (columns + HADAL_PACK_ROWS - 1) / HADAL_PACK_ROWS};
    if (rows >= LINEAR_ROWS_OF_THREAD * thread->count)
        hadal_share(rows, 1, thread, &part.row, &part.last);
    else
        hadal_share(part.end, rows > 1 ? DOT_GROUPS : 1, thread, &part.group, &part.end);
    return part;
}

static void HADAL_FN(packed_rows)(const hadal_kernel_args *args, const hadal_kernel_thread *thread) {
    const hadal_kernel_tensor *x = &args->inputs[0], *weight = &args->inputs[1], *y = &args->outputs[0];
    const float *residual = args->inputs[3].data;
    const int64_t group_bytes = hadal_packed_group_bytes(weight->packing & 255, weight->columns), stride = y->columns;
    const HADAL_FN(packed_part) part = HADAL_FN(packed_share)(y->rows, weight->rows, thread);
    for (int64_t first = part.row; first < part.last; first += DOT_CHUNK) {
        const int64_t tokens = part.last - first < DOT_CHUNK ? part.last - first : DOT_CHUNK;
        const int8_t *q = (const int8_t *)x->data + first * x->stride;
        const dot_block_list list = dot_list_blocks(q, x->columns, x->stride, tokens, thread->scratch);
        for (int64_t group = part.group; group < part.end; group += DOT_GROUPS) {
            const int64_t groups = part.end - group < DOT_GROUPS ? part.end - group : DOT_GROUPS, row = group * HADAL_PACK_ROWS;
            const int64_t rows = weight->rows - row < groups * HADAL_PACK_ROWS ? weight->rows - row : groups * HADAL_PACK_ROWS;
            float out[DOT_CHUNK * DOT_WIDE];
            if (tokens > 1) {
                dot_prefetch_results((const float *)y->data + first * stride + row, stride, rows, tokens);
                if (residual) dot_prefetch_results(residual + first * stride + row, stride, rows, tokens);
            }
            dot_product(weight, (const uint8_t *)weight->data + group * group_bytes, groups, q, x->stride, tokens, list, out);
            HADAL_FN(packed_results)(args, first, tokens, row, rows, out);
        }
    }
}

/*
 * The gate of a feed-forward network: y = activation(x gate^T + gate_bias) * (x up^T + up_bias), both weights packed.
 * inputs: x quantised, gate, up, gate_bias, up_bias; attributes: those of glu.
 */
HADAL_KERNEL(linear_gate) {
    const hadal_kernel_attribute *attribute = args->attributes;
    const float alpha = (float)attribute[1].f, limit = (float)attribute[2].f, offset = (float)attribute[3].f;
    const hadal_kernel_tensor *x = &args->inputs[0], *gate = &args->inputs[1], *up = &args->inputs[2], *y = &args->outputs[0];
    const float *gate_bias = args->inputs[3].data, *up_bias = args->inputs[4].data;
    const int64_t gate_bytes = hadal_packed_group_bytes(gate->packing & 255, gate->columns);
    const int64_t up_bytes = hadal_packed_group_bytes(up->packing & 255, up->columns), stride = y->columns;
    const HADAL_FN(packed_part) part = HADAL_FN(packed_share)(y->rows, gate->rows, thread);
    for (int64_t first = part.row; first < part.last; first += DOT_CHUNK) {
        const int64_t tokens = part.last - first < DOT_CHUNK ? part.last - first : DOT_CHUNK;
        const int8_t *q = (const int8_t *)x->data + first * x->stride;
        const dot_block_list list = dot_list_blocks(q, x->columns, x->stride, tokens, thread->scratch);
        for (int64_t group = part.group; group < part.end; group += DOT_GROUPS) {
            const int64_t groups = part.end - group < DOT_GROUPS ? part.end - group : DOT_GROUPS, row = group * HADAL_PACK_ROWS;
            const int64_t rows = gate->rows - row < groups * HADAL_PACK_ROWS ? gate->rows - row : groups * HADAL_PACK_ROWS;
            float g[DOT_CHUNK * DOT_WIDE], u[DOT_CHUNK * DOT_WIDE], bias[2][DOT_WIDE] = {{0}, {0}};
            if (gate_bias) memcpy(bias[0], gate_bias + row, (size_t)rows * 4);
            if (up_bias) memcpy(bias[1], up_bias + row, (size_t)rows * 4);
            if (tokens > 1) dot_prefetch_results((const float *)y->data + first * stride + row, stride, rows, tokens);
            dot_product(gate, (const uint8_t *)gate->data + group * gate_bytes, groups, q, x->stride, tokens, list, g);
            dot_product(up, (const uint8_t *)up->data + group * up_bytes, groups, q, x->stride, tokens, list, u);
            for (int64_t t = 0; t < tokens; t++) {
                float *sum = g + t * DOT_WIDE, *to = (float *)y->data + (first + t) * stride + row;
                for (int64_t i = 0; i < groups * HADAL_PACK_ROWS; i += LANES) {
                    const vf v = v_load(u + t * DOT_WIDE + i) + v_load(bias[1] + i);
                    v_store(sum + i, gated(attribute[0].i, alpha, limit, offset, v_load(sum + i) + v_load(bias[0] + i), v));
                }
                memcpy(to, sum, (size_t)rows * 4);
            }
        }
    }
}

/*
 * inputs: x (quantised when the weight is packed), weight, bias, residual, scales of a float8 weight's blocks; output: y.
 * attributes: rows and columns of such a block, whether activations may be rounded to bfloat16.
 */
HADAL_KERNEL(linear) {
    const hadal_kernel_tensor *weight = &args->inputs[1];
    if (weight->packing) {
        HADAL_FN(packed_rows)(args, thread);
        return;
    }
    /* Panels of eight lanes took less time than OpenBLAS (AVX2), but for rows that share lines. */
    const int has_library = thread->sgemm && (LANES != 8 || SHARES_LINES(weight->columns));
    if (has_library && weight->dtype == HADAL_DTYPE_F32 && args->outputs[0].rows >= LINEAR_MANY_TOKENS) {
        HADAL_FN(library_rows)(args, thread);
        return;
    }
    switch (weight->dtype) {
    case HADAL_DTYPE_F32: HADAL_FN(rows_as_stored)(HADAL_DTYPE_F32, args, thread); return;
    case HADAL_DTYPE_F16: HADAL_FN(rows_as_stored)(HADAL_DTYPE_F16, args, thread); return;
    case HADAL_DTYPE_BF16: HADAL_FN(rows_as_stored)(HADAL_DTYPE_BF16, args, thread); return;
    default: HADAL_FN(rows_as_stored)(HADAL_DTYPE_F8_E4M3, args, thread); return;
    }
}

#endif
