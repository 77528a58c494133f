/*
 * experts: for each token, the weighted sum of the chosen experts' gated feed-forward networks.
 *
 * Tokens are grouped by expert, so that each expert's weights are read once a step, whatever the number of tokens:
 *
 *     experts_gather     sorts the (token, choice) pairs by expert and copies their rows into that order
 *     experts_gate       hidden = activation(gate x) * (up x), a row for each pair
 *     experts_quantise   hidden as 8-bit rows, when `down` is packed
 *     experts_down       y = sum over a token's experts of weight * (down hidden), experts in ascending order
 *
 * A choice outside the experts is left out. Which pairs share a step does not change a bit of the others.
 *
 * Weights lie one expert after the other, or each expert's in a region of its own: then the last input of a kernel is a table of
 * regions, [1, E] pointers, and the call is for the experts alone whose pointer is not NULL. experts_down adds to y in that case: calls
 * for one expert after the other, in ascending order, give the bits of one call for all.
 */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_packed.h"

/* Rows of x that are multiplied with some rows of an expert at a time. */
enum { EXPERT_TOKENS = 64 };

static uint64_t gather_scratch(const hadal_kernel_args *args) {
    return 4 * ((uint64_t)args->outputs[0].columns + (uint64_t)args->inputs[0].rows * (uint64_t)args->inputs[0].columns);
}

/* Of x quantised, for gate and up; of hidden quantised, for down. */
static uint64_t gate_scratch(const hadal_kernel_args *args) {
    return args->inputs[3].packing || args->inputs[4].packing ? hadal_block_list_bytes(args->inputs[2].columns, args->inputs[2].stride) : 0;
}
static uint64_t down_scratch(const hadal_kernel_args *args) {
    return args->inputs[4].packing ? hadal_block_list_bytes(args->inputs[3].columns, args->inputs[3].stride) : 0;
}

#include "hadal_intrinsics.h"
#include "hadal_each_isa.h"

HADAL_EXPORT_KERNEL(experts_gather, gather_scratch)
HADAL_EXPORT_KERNEL(experts_gate, gate_scratch)
HADAL_EXPORT_KERNEL(experts_quantise, 0)
HADAL_EXPORT_KERNEL(experts_down, down_scratch)
#else
#include "hadal_packed.h"
#include "hadal_simd.h"
#include "hadal_blocks.h"
#include "hadal_quantise.h"
#include "hadal_codes.h"
#include "hadal_dot.h"
#include "hadal_float.h"
#include "hadal_gate.h"

/* ---- grouping -------------------------------------------------------------------------------------------------- */

/*
 * inputs: indices [N, K], x, x quantised; outputs: starts [1, E + 1] (where each expert's pairs begin), order [N, K] (pair n * K + k at
 * each place), rows of x and of x quantised in that order. Each thread sorts for itself, which spares a barrier.
 */
HADAL_KERNEL(experts_gather) {
    const hadal_kernel_tensor *indices = &args->inputs[0], *starts = &args->outputs[0], *order = &args->outputs[1];
    const int64_t experts = starts->columns - 1, k = indices->columns, pairs = indices->rows * k;
    const int32_t *chosen = indices->data;
    int32_t *start = thread->scratch, *place = start + experts + 1;
    memset(start, 0, (size_t)(experts + 1) * 4);
    for (int64_t p = 0; p < pairs; p++)
        if (chosen[p] >= 0 && chosen[p] < experts) start[chosen[p]]++;
    int32_t sum = 0;
    for (int64_t e = 0; e <= experts; e++) {
        const int32_t count = start[e];
        start[e] = sum;
        sum += count;
    }
    if (thread->index == 0) memcpy(starts->data, start, (size_t)(experts + 1) * 4);
    for (int64_t p = 0; p < pairs; p++)
        if (chosen[p] >= 0 && chosen[p] < experts) place[start[chosen[p]]++] = (int32_t)p;
    if (thread->index == 0) memcpy(order->data, place, (size_t)sum * 4);
    for (int i = 1; i <= 2; i++) {
        const hadal_kernel_tensor *from = &args->inputs[i], *to = &args->outputs[i + 1];
        if (!to->data) continue;
        int64_t at, end;
        hadal_share(sum, 1, thread, &at, &end);
        for (; at < end; at++)
            memcpy((char *)to->data + at * from->stride, (const char *)from->data + place[at] / k * from->stride, (size_t)from->stride);
    }
}

/* Whether a call with this table of regions is for the expert too. */
INLINE int HADAL_FN(included)(const hadal_kernel_tensor *regions, int64_t expert) {
    return !regions->data || ((const void *const *)regions->data)[expert] != 0;
}

/* inputs: starts, hidden, regions; output: quantised rows; attribute: as of linear_quantise. */
HADAL_KERNEL(experts_quantise) {
    const hadal_kernel_tensor *starts = &args->inputs[0], *x = &args->inputs[1], *regions = &args->inputs[2], *q = &args->outputs[0];
    const int32_t *start = starts->data;
    for (int64_t e = 0; e < starts->columns - 1;) {
        /* Neighbours are shared out together. */
        const int64_t first = start[e];
        if (!HADAL_FN(included)(regions, e++)) continue;
        while (e < starts->columns - 1 && HADAL_FN(included)(regions, e)) e++;
        quantise_rows((const float *)x->data + first * q->columns, q->columns, (int8_t *)q->data + first * q->stride, start[e] - first, q->columns, q->stride,
                      (float)args->attributes[0].f, thread);
    }
}

/* ---- products -------------------------------------------------------------------------------------------------- */

/* One of an experts node's three weights, and the scales of its blocks if it is float8. */
typedef struct {
    const hadal_kernel_tensor *weight, *scales;
    int64_t block_rows, block_columns;
    const hadal_kernel_tensor *regions;
    int64_t offset; /* of the matrix in a region */
} HADAL_FN(matrix);

/* Where the matrix of an expert begins, given the bytes of one. */
INLINE const uint8_t *HADAL_FN(stored)(const HADAL_FN(matrix) *m, int64_t expert, int64_t bytes) {
    if (m->regions->data) return ((const uint8_t *const *)m->regions->data)[expert] + m->offset;
    return (const uint8_t *)m->weight->data + expert * bytes;
}

INLINE void HADAL_FN(float_product)(
    uint32_t dtype, const HADAL_FN(matrix) *m, int64_t expert, int64_t row, int64_t count, const float *x, int64_t stride, int64_t tokens, float *out) {
    const hadal_kernel_tensor *weight = m->weight;
    const int64_t columns = weight->columns, rows = weight->rows, next = FLOAT_ROWS * weight->stride - columns * (dtype == HADAL_DTYPE_F32 ? 4 : 2);
    const int64_t scale_rows = m->scales->data ? (rows + m->block_rows - 1) / m->block_rows : 0;
    const uint8_t *stored = HADAL_FN(stored)(m, expert, rows * weight->stride);
    for (int64_t first = 0; first < count && row + first < rows; first += FLOAT_ROWS) {
        const uint8_t *w[FLOAT_ROWS];
        const float *scales[FLOAT_ROWS];
        for (int64_t r = 0; r < FLOAT_ROWS; r++) {
            const int64_t at = row + first + r < rows ? row + first + r : rows - 1;
            w[r] = stored + at * weight->stride;
            scales[r] = scale_rows ? (const float *)m->scales->data + (expert * scale_rows + at / m->block_rows) * m->scales->columns : 0;
        }
        for (int64_t t = 0; t < tokens;) {
            float sum[FLOAT_ROWS * FLOAT_TOKENS];
            const int taken = t + FLOAT_TOKENS <= tokens ? FLOAT_TOKENS : 1;
            if (dtype == HADAL_DTYPE_F8_E4M3) {
                if (taken == FLOAT_TOKENS)
                    float8_tile(FLOAT_TOKENS, w, scales, m->block_columns, x + t * stride, stride, columns, sum);
                else
                    float8_tile(1, w, scales, m->block_columns, x + t * stride, stride, columns, sum);
            } else if (taken == FLOAT_TOKENS) {
                float_tile(dtype, FLOAT_TOKENS, w, next, x + t * stride, stride, columns, sum);
            } else {
                float_tile(dtype, 1, w, next, x + t * stride, stride, columns, sum);
            }
            for (int u = 0; u < taken; u++, t++)
                for (int r = 0; r < FLOAT_ROWS; r++) out[t * DOT_WIDE + first + r] = sum[u * FLOAT_ROWS + r];
        }
    }
}

/*
 * out[t * DOT_WIDE + r]: `groups` groups of the expert's matrix from `group` on times `tokens` (<= EXPERT_TOKENS) rows of x, whose second terms are in
 * `list`. Rows beyond the last are not meant.
 */
static void HADAL_FN(product)(
    const HADAL_FN(matrix) *m, int64_t expert, int64_t group, int64_t groups, const char *x, int64_t stride, int64_t tokens, dot_block_list list, float *out) {
    const hadal_kernel_tensor *weight = m->weight;
    const int64_t columns = weight->columns;
    if (!weight->packing) {
        const int64_t row = group * HADAL_PACK_ROWS;
        switch (weight->dtype) {
        case HADAL_DTYPE_F32: HADAL_FN(float_product)(HADAL_DTYPE_F32, m, expert, row, groups * HADAL_PACK_ROWS, (const float *)x, stride / 4, tokens, out); return;
        case HADAL_DTYPE_F16: HADAL_FN(float_product)(HADAL_DTYPE_F16, m, expert, row, groups * HADAL_PACK_ROWS, (const float *)x, stride / 4, tokens, out); return;
        case HADAL_DTYPE_BF16: HADAL_FN(float_product)(HADAL_DTYPE_BF16, m, expert, row, groups * HADAL_PACK_ROWS, (const float *)x, stride / 4, tokens, out); return;
        default: HADAL_FN(float_product)(HADAL_DTYPE_F8_E4M3, m, expert, row, groups * HADAL_PACK_ROWS, (const float *)x, stride / 4, tokens, out); return;
        }
    }
    const uint8_t *packed = HADAL_FN(stored)(m, expert, hadal_packed_bytes(weight->packing, weight->rows, columns))
        + group * hadal_packed_group_bytes(weight->packing, columns);
    dot_product(weight, packed, groups, (const int8_t *)x, stride, tokens, list, out);
}

/* ---- gate, up and down ----------------------------------------------------------------------------------------- */

/*
 * inputs: starts, x and x quantised in order, gate, up, gate_bias, up_bias, scales of gate and of up, regions, what the host guesses for the
 * next layer, order, weights [N, K]; output: hidden [N, K * F].
 * attributes: activation, alpha, limit, up_offset, rows and columns of the scales' blocks for gate and for up, their offsets in a region,
 * weighted. The last of either may be left out: the weights multiply x where they are there.
 *
 * A thread's share are groups of 16 rows, weighted by the number of tokens of their expert, which may leave it with a part of an expert.
 */
HADAL_KERNEL(experts_gate) {
    const hadal_kernel_attribute *attribute = args->attributes;
    const int64_t kind = attribute[0].i;
    const float alpha = (float)attribute[1].f, limit = (float)attribute[2].f, offset = (float)attribute[3].f;
    const hadal_kernel_tensor *starts = &args->inputs[0], *x = &args->inputs[1], *q = &args->inputs[2];
    const hadal_kernel_tensor *regions = &args->inputs[9];
    const HADAL_FN(matrix) gate = {&args->inputs[3], &args->inputs[7], attribute[4].i, attribute[5].i, regions, attribute[8].i};
    const HADAL_FN(matrix) up = {&args->inputs[4], &args->inputs[8], attribute[6].i, attribute[7].i, regions, attribute[9].i};
    const hadal_kernel_tensor *gate_x = gate.weight->packing ? q : x, *up_x = up.weight->packing ? q : x;
    const float *gate_bias = args->inputs[5].data, *up_bias = args->inputs[6].data;
    const int weighs = args->attribute_count > 10 && attribute[10].i && args->input_count > 12;
    const int32_t *order = weighs ? args->inputs[11].data : 0;
    const float *weights = weighs ? args->inputs[12].data : 0;
    const int64_t inner = gate.weight->rows, groups = (inner + HADAL_PACK_ROWS - 1) / HADAL_PACK_ROWS, experts = starts->columns - 1;
    const int32_t *start = starts->data;
    int64_t pairs = 0, before = 0;
    for (int64_t e = 0; e < experts; e++)
        if (HADAL_FN(included)(regions, e)) pairs += start[e + 1] - start[e];
    const int64_t cost = pairs * groups;
    const int64_t low = cost * thread->index / thread->count, high = cost * (thread->index + 1) / thread->count;
    for (int64_t e = 0; e < experts; e++) {
        const int64_t begin = start[e], count = start[e + 1] - begin;
        if (count == 0 || !HADAL_FN(included)(regions, e)) continue;
        /* Group g begins at before * groups + g * count: those that begin in low ..< high are ours. */
        int64_t first = (low - before * groups + count - 1) / count, last = (high - before * groups + count - 1) / count;
        if (low <= before * groups) first = 0;
        if (high <= before * groups) last = 0;
        if (last > groups) last = groups;
        before += count;
        for (int64_t at = begin; at < begin + count; at += EXPERT_TOKENS) {
            const int64_t tokens = begin + count - at < EXPERT_TOKENS ? begin + count - at : EXPERT_TOKENS;
            const char *gate_rows = (const char *)gate_x->data + at * gate_x->stride, *up_rows = (const char *)up_x->data + at * up_x->stride;
            dot_block_list list = {0, 0};
            if (gate_x == q || up_x == q) list = dot_list_blocks((const int8_t *)q->data + at * q->stride, q->columns, q->stride, tokens, thread->scratch);
            for (int64_t group = first; group < last; group += DOT_GROUPS) {
                const int64_t groups = last - group < DOT_GROUPS ? last - group : DOT_GROUPS, row = group * HADAL_PACK_ROWS;
                const int64_t rows = inner - row < groups * HADAL_PACK_ROWS ? inner - row : groups * HADAL_PACK_ROWS;
                if (tokens > 1) dot_prefetch_results((const float *)args->outputs[0].data + at * inner + row, inner, rows, tokens);
                float b[2][DOT_WIDE] = {{0}, {0}};
                if (gate_bias) memcpy(b[0], gate_bias + e * inner + row, (size_t)rows * 4);
                if (up_bias) memcpy(b[1], up_bias + e * inner + row, (size_t)rows * 4);
                float g[EXPERT_TOKENS * DOT_WIDE], u[EXPERT_TOKENS * DOT_WIDE];
                HADAL_FN(product)(&gate, e, group, groups, gate_rows, gate_x->stride, tokens, list, g);
                HADAL_FN(product)(&up, e, group, groups, up_rows, up_x->stride, tokens, list, u);
                for (int64_t t = 0; t < tokens; t++) {
                    float *to = (float *)args->outputs[0].data + (at + t) * inner + row, *from_gate = g + t * DOT_WIDE;
                    if (weighs) {
                        const float weight = weights[order[at + t]];
                        for (int i = 0; i < groups * HADAL_PACK_ROWS; i++) {
                            from_gate[i] *= weight;
                            u[t * DOT_WIDE + i] *= weight;
                        }
                    }
                    for (int i = 0; i < groups * HADAL_PACK_ROWS; i += LANES) {
                        vf v = gated(kind, alpha, limit, offset, v_load(from_gate + i) + v_load(b[0] + i),
                                     v_load(u + t * DOT_WIDE + i) + v_load(b[1] + i));
                        v_store(from_gate + i, v);
                    }
                    memcpy(to, from_gate, (size_t)rows * 4);
                }
            }
        }
    }
}

/*
 * inputs: starts, order, weights [N, K], hidden (quantised if down is packed), down, down_bias, scales of down, regions; output: y.
 * attributes: rows and columns of the scales' blocks, offset in a region, weighted. A thread has its columns of y to itself, for all experts.
 */
HADAL_KERNEL(experts_down) {
    const hadal_kernel_tensor *starts = &args->inputs[0], *weights = &args->inputs[2], *x = &args->inputs[3], *y = &args->outputs[0];
    const hadal_kernel_tensor *regions = &args->inputs[7];
    const HADAL_FN(matrix) down = {
        &args->inputs[4], &args->inputs[6], args->attributes[0].i, args->attributes[1].i, regions, args->attributes[2].i};
    const float *bias = args->inputs[5].data;
    const int32_t *start = starts->data, *order = args->inputs[1].data;
    const int weighs = !(args->attribute_count > 3 && args->attributes[3].i);
    const int64_t width = y->columns, experts = starts->columns - 1, k = weights->columns;
    int64_t first, last;
    hadal_share((width + HADAL_PACK_ROWS - 1) / HADAL_PACK_ROWS, 1, thread, &first, &last);
    if (first >= last) return;
    const int64_t left = first * HADAL_PACK_ROWS, right = last * HADAL_PACK_ROWS < width ? last * HADAL_PACK_ROWS : width;
    if (!regions->data)
        for (int64_t n = 0; n < y->rows; n++) memset((float *)y->data + n * width + left, 0, (size_t)(right - left) * 4);
    for (int64_t e = 0; e < experts; e++) {
        const int64_t begin = start[e], end = HADAL_FN(included)(regions, e) ? start[e + 1] : begin;
        for (int64_t at = begin; at < end; at += EXPERT_TOKENS) {
            const int64_t tokens = end - at < EXPERT_TOKENS ? end - at : EXPERT_TOKENS;
            const char *from = (const char *)x->data + at * x->stride;
            dot_block_list list = {0, 0};
            if (down.weight->packing) list = dot_list_blocks((const int8_t *)from, x->columns, x->stride, tokens, thread->scratch);
            for (int64_t group = first; group < last; group += DOT_GROUPS) {
                const int64_t groups = last - group < DOT_GROUPS ? last - group : DOT_GROUPS, row = group * HADAL_PACK_ROWS;
                const int64_t rows = width - row < groups * HADAL_PACK_ROWS ? width - row : groups * HADAL_PACK_ROWS;
                for (int64_t t = 0; t < tokens && tokens > 1; t++)
                    dot_prefetch_results((const float *)y->data + order[at + t] / k * width + row, 0, rows, 1);
                float out[EXPERT_TOKENS * DOT_WIDE];
                HADAL_FN(product)(&down, e, group, groups, from, x->stride, tokens, list, out);
                for (int64_t t = 0; t < tokens; t++) {
                    const int64_t pair = order[at + t];
                    const float weight = weighs ? ((const float *)weights->data)[pair] : 1;
                    float *to = (float *)y->data + pair / k * width + row;
                    const float *sum = out + t * DOT_WIDE, *add = bias ? bias + e * width + row : 0;
                    int64_t i = 0;
                    for (; i + LANES <= rows; i += LANES) {
                        vf v = v_load(sum + i);
                        if (add) v += v_load(add + i);
                        v_store(to + i, v_load(to + i) + weight * v);
                    }
                    for (; i < rows; i++) to[i] += weight * (sum[i] + (add ? add[i] : 0.0f));
                }
            }
        }
    }
}

#endif
