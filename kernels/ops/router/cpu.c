/*
 * router: scores every expert for every token and picks the top_k, with their weights.
 *
 * Two kernels with a barrier between them: router_logits multiplies, router chooses. Logits never go through a matrix library: equal
 * rows must give equal logits, and a token the same ones alone as among others, since the choice depends on them. The choice is made in float64.
 */
#include "hadal_kernel.h"
#ifndef HADAL_ISA

/* attributes, sorted by name. */
enum { DROPPED, GROUP_SCORE, GROUPS, NORMALISE, SCALE, SCORING, TOP_GROUPS, TOP_K, WITHIN };
enum { SCORING_SOFTMAX, SCORING_SIGMOID, SCORING_SQRT_SOFTPLUS, SCORING_SOFTMAX_TOPK, SCORING_SPARSE_MIXER };

static uint64_t router_scratch(const hadal_kernel_args *args) {
    uint64_t experts = (uint64_t)args->inputs[0].columns, groups = (uint64_t)args->attributes[GROUPS].i;
    return 8 * (2 * experts + groups) + 2 * (experts + groups);
}

#include "hadal_intrinsics.h"
#include "hadal_each_isa.h"

HADAL_EXPORT_KERNEL(router, router_scratch)
HADAL_EXPORT_KERNEL(router_logits, 0)
#else
#include "hadal_simd.h"
#include "hadal_float.h"

INLINE void HADAL_FN(logits)(uint32_t dtype, const hadal_kernel_args *args, int64_t begin, int64_t end) {
    const hadal_kernel_tensor *x = &args->inputs[0], *weight = &args->inputs[1], *y = &args->outputs[0];
    const float *bias = args->inputs[2].data;
    const int64_t n = weight->columns, next = FLOAT_ROWS * weight->stride - n * (dtype == HADAL_DTYPE_F32 ? 4 : 2);
    for (int64_t row = begin; row < end; row += FLOAT_ROWS) {
        const int64_t count = end - row < FLOAT_ROWS ? end - row : FLOAT_ROWS;
        const uint8_t *w[FLOAT_ROWS];
        for (int64_t r = 0; r < FLOAT_ROWS; r++) w[r] = (const uint8_t *)weight->data + (row + (r < count ? r : 0)) * weight->stride;
        for (int64_t t = 0; t < y->rows;) {
            float out[FLOAT_ROWS * FLOAT_TOKENS];
            const float *from = (const float *)x->data + t * n;
            int taken = t + FLOAT_TOKENS <= y->rows ? FLOAT_TOKENS : 1;
            if (taken == FLOAT_TOKENS)
                float_tile(dtype, FLOAT_TOKENS, w, next, from, n, n, out);
            else
                float_tile(dtype, 1, w, next, from, n, n, out);
            for (int u = 0; u < taken; u++, t++) {
                float *logits = out + u * FLOAT_ROWS;
                /* Outside the loop, as in linear. */
                if (bias)
                    for (int64_t r = 0; r < count; r++) logits[r] += bias[row + r];
                memcpy((float *)y->data + t * y->columns + row, logits, (size_t)count * 4);
            }
        }
    }
}

/* inputs: x, weight, bias; output: logits [N, E]. */
HADAL_KERNEL(router_logits) {
    int64_t begin, end;
    hadal_share(args->inputs[1].rows, FLOAT_ROWS, thread, &begin, &end);
    switch (args->inputs[1].dtype) {
    case HADAL_DTYPE_F32: HADAL_FN(logits)(HADAL_DTYPE_F32, args, begin, end); return;
    case HADAL_DTYPE_F16: HADAL_FN(logits)(HADAL_DTYPE_F16, args, begin, end); return;
    default: HADAL_FN(logits)(HADAL_DTYPE_BF16, args, begin, end); return;
    }
}

/* The highest of those not taken, the first of several; it is taken then. There is one. */
INLINE int64_t HADAL_FN(take_best)(const double *value, uint8_t *taken, int64_t n) {
    int64_t best = -1;
    for (int64_t i = 0; i < n; i++)
        if (!taken[i] && (best < 0 || value[i] > value[best])) best = i;
    taken[best] = 1;
    return best;
}

INLINE void HADAL_FN(soften)(double *x, int64_t n) {
    double most = x[0], sum = 0;
    for (int64_t i = 1; i < n; i++) most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < n; i++) sum += x[i] = exp(x[i] - most);
    for (int64_t i = 0; i < n; i++) x[i] /= sum;
}

static void HADAL_FN(score)(int64_t scoring, const float *logits, double *scores, int64_t n) {
    for (int64_t e = 0; e < n; e++) {
        const double x = logits[e];
        switch (scoring) {
        case SCORING_SIGMOID: scores[e] = 1 / (1 + exp(-x)); break;
        case SCORING_SQRT_SOFTPLUS: scores[e] = sqrt((x > 0 ? x : 0) + log1p(exp(-fabs(x)))); break;
        default: scores[e] = x;
        }
    }
    if (scoring == SCORING_SOFTMAX) HADAL_FN(soften)(scores, n);
}

/* Marks the groups to keep: the top_groups best by their best expert, or by the sum of their two best. */
static void HADAL_FN(keep_groups)(const hadal_kernel_attribute *attribute, const double *choice, double *value, uint8_t *kept, int64_t experts) {
    const int64_t groups = attribute[GROUPS].i, size = experts / groups;
    for (int64_t g = 0; g < groups; g++) {
        double first = -INFINITY, second = -INFINITY;
        for (int64_t e = g * size; e < (g + 1) * size; e++) {
            if (choice[e] > first) {
                second = first;
                first = choice[e];
            } else if (choice[e] > second) {
                second = choice[e];
            }
        }
        value[g] = attribute[GROUP_SCORE].i ? first + second : first;
        kept[g] = 0;
    }
    for (int64_t k = 0; k < attribute[TOP_GROUPS].i; k++) HADAL_FN(take_best)(value, kept, groups);
}

/*
 * The share of each choice in a softmax over the experts that no earlier choice took and whose logits are within a relative distance of its own.
 * Source: Liu et al. 2024, GRIN (SparseMixer-v2), as Phi 3.5 MoE runs it.
 */
static void HADAL_FN(mix)(const double *logits, int64_t experts, const int32_t *chosen, int64_t top, double within, double *shares) {
    for (int64_t k = 0; k < top; k++) {
        const double best = logits[chosen[k]];
        double sum = 0;
        for (int64_t e = 0; e < experts; e++) {
            int64_t before = 0;
            while (before < k && chosen[before] != e) before++;
            const double size = fabs(logits[e]) > best ? fabs(logits[e]) : best;
            if (before == k && !((best - logits[e]) / size > within)) sum += exp(logits[e] - best);
        }
        shares[k] = 1 / sum;
    }
}

/* inputs: logits [N, E], selection_bias, expert_scale; outputs: indices, weights. */
HADAL_KERNEL(router) {
    const hadal_kernel_attribute *attribute = args->attributes;
    const hadal_kernel_tensor *logits = &args->inputs[0], *indices = &args->outputs[0], *weights = &args->outputs[1];
    const float *bias = args->inputs[1].data, *factors = args->input_count > 2 ? args->inputs[2].data : 0;
    const int64_t experts = logits->columns, groups = attribute[GROUPS].i, size = experts / groups, top = attribute[TOP_K].i;
    double *scores = thread->scratch, *choice = scores + experts, *value = choice + experts;
    uint8_t *taken = (uint8_t *)(value + groups), *kept = taken + experts;
    int64_t n, end;
    hadal_share(logits->rows, 1, thread, &n, &end);
    for (; n < end; n++) {
        int32_t *chosen = (int32_t *)indices->data + n * top;
        float *to = (float *)weights->data + n * top;
        HADAL_FN(score)(attribute[SCORING].i, (const float *)logits->data + n * experts, scores, experts);
        for (int64_t e = 0; e < experts; e++) {
            choice[e] = bias ? scores[e] + (double)bias[e] : scores[e];
            taken[e] = 0;
        }
        if (groups > 1) {
            HADAL_FN(keep_groups)(attribute, choice, value, kept, experts);
            for (int64_t e = 0; e < experts; e++)
                if (!kept[e / size]) {
                    choice[e] = attribute[DROPPED].i ? -INFINITY : 0;
                    scores[e] = 0;
                }
        }
        double sum = 0, most = -INFINITY;
        for (int64_t k = 0; k < top; k++) {
            const int64_t e = HADAL_FN(take_best)(choice, taken, experts);
            chosen[k] = (int32_t)e;
            most = scores[e] > most ? scores[e] : most;
        }
        if (attribute[SCORING].i == SCORING_SOFTMAX_TOPK) {
            for (int64_t k = 0; k < top; k++) sum += scores[chosen[k]] = exp(scores[chosen[k]] - most);
            for (int64_t k = 0; k < top; k++) scores[chosen[k]] /= sum;
            sum = 0;
        }
        if (attribute[SCORING].i == SCORING_SPARSE_MIXER) {
            HADAL_FN(mix)(scores, experts, chosen, top, attribute[WITHIN].f, choice);
            for (int64_t k = 0; k < top; k++) scores[chosen[k]] = choice[k];
        }
        for (int64_t k = 0; k < top; k++) sum += scores[chosen[k]];
        const double divisor = attribute[NORMALISE].i ? sum + 1e-20 : 1;
        for (int64_t k = 0; k < top; k++) to[k] = (float)(scores[chosen[k]] / divisor * attribute[SCALE].f * (factors ? factors[chosen[k]] : 1));
    }
}

#endif
