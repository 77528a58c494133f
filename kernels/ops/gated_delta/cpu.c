/*
 * gated_delta: S <- exp(g) S;  S <- S + k (beta (v - S^T k))^T;  y = S^T q, for every value head and token.
 *
 * The columns of S, one for each number of v, do not depend on each other: a thread takes a few of them through all tokens of a sequence in
 * its first-level cache, so that a prompt is computed in the order of single tokens, with the same bits.
 */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
/* The part of S, k, q and exp(g) of a token. */
static uint64_t gated_delta_scratch(const hadal_kernel_args *args) {
    const uint64_t keys = (uint64_t)args->states[0].page_tokens;
    return keys * (COLUMNS + 3) * sizeof(float);
}
HADAL_EXPORT_KERNEL(gated_delta, gated_delta_scratch)
#else
#include "hadal_simd.h"
#include "hadal_cache.h"
#define scaled_key HADAL_FN(scaled_key)
#define delta_step HADAL_FN(delta_step)
#define delta_head HADAL_FN(delta_head)
#ifndef GATED_DELTA_COLUMNS
#define GATED_DELTA_COLUMNS
/* Columns of S that a thread takes at a time. */
enum { COLUMNS = 32 };
#endif

/* n numbers times `scale`, over the root of their sum of squares and eps unless that is 0. */
static void scaled_key(float *to, const float *from, int64_t n, float scale, float eps) {
    if (eps > 0) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++) sum += (double)from[i] * from[i];
        scale = (float)(scale / __builtin_sqrt(sum + eps));
    }
    for (int64_t i = 0; i < n; i++) to[i] = from[i] * scale;
}

/* One token: S [keys, COLUMNS]. */
static void delta_step(float *S, int64_t keys, const float *q, const float *k, const float *fade, const float *v, float beta, float *y) {
    enum { PARTS = COLUMNS / LANES, WAYS = 4 };
    vf held[WAYS][PARTS];
    for (int w = 0; w < WAYS; w++)
        for (int p = 0; p < PARTS; p++) held[w][p] = v_splat(0);
    for (int64_t i = 0; i < keys; i += WAYS)
        for (int w = 0; w < WAYS && i + w < keys; w++) {
            const vf factor = v_splat(k[i + w] * fade[i + w]);
            for (int p = 0; p < PARTS; p++) held[w][p] += factor * v_load(S + (i + w) * COLUMNS + p * LANES);
        }
    vf change[PARTS], out[WAYS][PARTS];
    for (int p = 0; p < PARTS; p++)
        change[p] = v_splat(beta) * (v_load(v + p * LANES) - ((held[0][p] + held[1][p]) + (held[2][p] + held[3][p])));
    for (int w = 0; w < WAYS; w++)
        for (int p = 0; p < PARTS; p++) out[w][p] = v_splat(0);
    for (int64_t i = 0; i < keys; i += WAYS)
        for (int w = 0; w < WAYS && i + w < keys; w++) {
            const vf faded = v_splat(fade[i + w]), key = v_splat(k[i + w]), query = v_splat(q[i + w]);
            for (int p = 0; p < PARTS; p++) {
                float *const at = S + (i + w) * COLUMNS + p * LANES;
                const vf s = faded * v_load(at) + key * change[p];
                v_store(at, s);
                out[w][p] += query * s;
            }
        }
    for (int p = 0; p < PARTS; p++) v_store(y + p * LANES, (out[0][p] + out[1][p]) + (out[2][p] + out[3][p]));
}

/* All tokens of a sequence, columns from `first` on of a value head. */
static void delta_head(
    const hadal_kernel_args *args, const hadal_sequence *sequence, float *scratch, int64_t head, int64_t first) {
    const int64_t key_heads = args->attributes[0].i, value_heads = args->attributes[4].i;
    const float eps = (float)args->attributes[1].f, scale = (float)args->attributes[2].f;
    const hadal_kernel_tensor *inputs = args->inputs;
    const hadal_kernel_state *memory = &args->states[0];
    const int64_t keys = memory->page_tokens, width = memory->width, n = width - first < COLUMNS ? width - first : COLUMNS;
    const int64_t key_head = args->attributes[3].i ? head % key_heads : head / (value_heads / key_heads);
    const int64_t gates = inputs[3].columns / value_heads;
    float *S = scratch, *k = S + keys * COLUMNS, *q = k + keys, *fade = q + keys, v[COLUMNS] = {0}, y[COLUMNS];
    const float *before = state_before(memory, sequence, head, 0);
    float *after = state_after(memory, sequence, head, 0);
    memset(S, 0, (size_t)keys * COLUMNS * sizeof(float));
    if (before)
        for (int64_t i = 0; i < keys; i++) memcpy(S + i * COLUMNS, before + i * width + first, (size_t)n * sizeof(float));
    for (int64_t t = sequence->first_token; t < (int64_t)sequence->first_token + sequence->token_count; t++) {
        scaled_key(q, (const float *)inputs[0].data + t * inputs[0].columns + key_head * keys, keys, scale, eps);
        scaled_key(k, (const float *)inputs[1].data + t * inputs[1].columns + key_head * keys, keys, 1, eps);
        const float *g = (const float *)inputs[3].data + t * inputs[3].columns + head * gates;
        if (gates == 1) {
            const float all = v_exp(v_splat(g[0]))[0];
            for (int64_t i = 0; i < keys; i++) fade[i] = all;
        } else {
            int64_t i = 0;
            for (; i + LANES <= keys; i += LANES) v_store(fade + i, v_exp(v_load(g + i)));
            if (i < keys) v_store_part(fade + i, v_exp(v_load_part(g + i, keys - i)), keys - i);
        }
        const int64_t at = t * inputs[2].columns + head * width + first;
        memcpy(v, (const float *)inputs[2].data + at, (size_t)n * sizeof(float));
        delta_step(S, keys, q, k, fade, v, ((const float *)inputs[4].data)[t * value_heads + head], y);
        memcpy((float *)args->outputs[0].data + at, y, (size_t)n * sizeof(float));
    }
    for (int64_t i = 0; i < keys; i++) memcpy(after + i * width + first, S + i * COLUMNS, (size_t)n * sizeof(float));
}

HADAL_KERNEL(gated_delta) {
    const int64_t parts = ((int64_t)args->states[0].width + COLUMNS - 1) / COLUMNS;
    int64_t begin, end;
    hadal_share(args->attributes[4].i * parts, 1, thread, &begin, &end);
    for (uint32_t s = 0; s < args->step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, s);
        if (!sequence->token_count) continue;
        for (int64_t i = begin; i < end; i++) delta_head(args, sequence, thread->scratch, i / parts, i % parts * COLUMNS);
    }
}

#endif
