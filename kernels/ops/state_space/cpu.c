/*
 * state_space: S <- exp(dt a) S + (dt u) b^T;  y = S c + skip u, for every head and token.
 *
 * The rows of S do not depend on each other: a thread takes a few of them through all tokens of a sequence in its first-level cache, so that a
 * prompt is computed in the order of single tokens, with the same bits.
 */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
/* exp(dt a) of a token, where each column has its own. */
static uint64_t state_space_scratch(const hadal_kernel_args *args) { return ((uint64_t)args->states[0].width + 32) * sizeof(float); }
HADAL_EXPORT_KERNEL(state_space, state_space_scratch)
#else
#include <math.h>
#include "hadal_simd.h"
#include "hadal_cache.h"
#define space_row HADAL_FN(space_row)
#define space_rows HADAL_FN(space_rows)
#ifndef STATE_SPACE_ROWS
#define STATE_SPACE_ROWS
/* Rows of S that a thread takes at a time. */
enum { ROWS = 16 };
#endif

/* One row for one token: its product with c. `fade` is one factor, or a factor for each column. */
INLINE float space_row(float *S, int64_t n, const float *fade, int64_t each, float step, const float *b, const float *c) {
    const vf all = v_splat(fade[0]), up = v_splat(step);
    vf sum[2] = {v_splat(0), v_splat(0)};
    int64_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES)
        for (int part = 0; part < 2; part++) {
            const int64_t at = i + part * LANES;
            const vf s = (each ? v_load(fade + at) : all) * v_load(S + at) + up * v_load(b + at);
            v_store(S + at, s);
            sum[part] += s * v_load(c + at);
        }
    float rest = 0;
    for (; i < n; i++) {
        S[i] = fade[each ? i : 0] * S[i] + step * b[i];
        rest += S[i] * c[i];
    }
    return v_reduce_add(sum[0] + sum[1]) + rest;
}

/* attributes, sorted by name: dt_maximum, dt_minimum, form, groups. */
static void space_rows(
    const hadal_kernel_args *args, const hadal_sequence *sequence, float *fades, int64_t head, int64_t first, int64_t count) {
    const hadal_kernel_tensor *inputs = args->inputs;
    const hadal_kernel_state *memory = &args->states[0];
    const int64_t n = memory->width, size = memory->page_tokens, heads = memory->heads, each = inputs[4].columns > 1;
    const int64_t group = head / (heads / args->attributes[3].i);
    const float *a = (const float *)inputs[4].data + head * inputs[4].columns, *bias = inputs[5].data, *skip = inputs[6].data;
    const float most = (float)args->attributes[0].f, least = (float)args->attributes[1].f;
    const float *before = state_before(memory, sequence, head, first);
    float *S = state_after(memory, sequence, head, first);
    if (before) memcpy(S, before, (size_t)(count * n) * sizeof(float));
    else memset(S, 0, (size_t)(count * n) * sizeof(float));
    for (int64_t t = sequence->first_token; t < (int64_t)sequence->first_token + sequence->token_count; t++) {
        const float raw = ((const float *)inputs[3].data)[t * heads + head] + (bias ? bias[head] : 0);
        float dt = raw > 0 ? raw + log1pf(expf(-raw)) : log1pf(expf(raw));
        if (dt < least) dt = least;
        if (most > 0 && dt > most) dt = most;
        for (int64_t i = 0; i < (each ? n : 1); i++) fades[i] = expf(dt * (args->attributes[2].i ? a[i] : -expf(a[i])));
        const float *u = (const float *)inputs[0].data + t * inputs[0].columns + head * size + first;
        const float *b = (const float *)inputs[1].data + t * inputs[1].columns + group * n;
        const float *c = (const float *)inputs[2].data + t * inputs[2].columns + group * n;
        float *y = (float *)args->outputs[0].data + t * inputs[0].columns + head * size + first;
        for (int64_t r = 0; r < count; r++) y[r] = space_row(S + r * n, n, fades, each, dt * u[r], b, c) + (skip ? skip[head] * u[r] : 0);
    }
}

HADAL_KERNEL(state_space) {
    const int64_t size = args->states[0].page_tokens, parts = (size + ROWS - 1) / ROWS;
    int64_t begin, end;
    hadal_share(args->states[0].heads * parts, 1, thread, &begin, &end);
    for (uint32_t s = 0; s < args->step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, s);
        if (!sequence->token_count) continue;
        for (int64_t i = begin; i < end; i++) {
            const int64_t first = i % parts * ROWS;
            space_rows(args, sequence, thread->scratch, i / parts, first, size - first < ROWS ? size - first : ROWS);
        }
    }
}

#endif
