#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(short_conv, 0)
#else
#include "hadal_simd.h"
#include "hadal_cache.h"
#define convolve HADAL_FN(convolve)
#ifndef SHORT_CONV_BLOCK
#define SHORT_CONV_BLOCK
/* Columns that a thread takes at a time, and taps whose weights it keeps transposed. */
enum { BLOCK = 64, TAPS = 8 };
#endif

/* Row `row` of x counted from the step's first token of the sequence; negative ones are the window's. NULL: before the first token. */
#define INPUT_ROW(row) ((row) >= 0 ? x + ((int64_t)sequence->first_token + (row)) * width : before ? before + (window + (row)) * width : NULL)

/* Columns from `from` on, `n` of them. The sum over taps is in the same order for every token. */
static void convolve(const hadal_kernel_args *args, const hadal_sequence *sequence, int64_t from, int64_t n, int64_t silu) {
    const float *x = args->inputs[0].data, *weight = args->inputs[1].data, *bias = args->inputs[2].data;
    float *y = args->outputs[0].data;
    const hadal_kernel_state *past = &args->states[0];
    const int64_t width = args->outputs[0].columns, taps = args->inputs[1].columns, window = taps - 1, count = sequence->token_count;
    const float *before = state_before(past, sequence, 0, 0);
    float transposed[TAPS][BLOCK];
    for (int64_t tap = 0; tap < taps && tap < TAPS; tap++)
        for (int64_t i = 0; i < n; i++) transposed[tap][i] = weight[(from + i) * taps + tap];
    for (int64_t t = 0; t < count; t++) {
        float sum[BLOCK];
        if (bias)
            memcpy(sum, bias + from, (size_t)n * sizeof(float));
        else
            memset(sum, 0, sizeof sum);
        for (int64_t tap = 0; tap < taps; tap++) {
            const float *row = INPUT_ROW(t - window + tap);
            if (!row) continue;
            int64_t i = 0;
            if (tap < TAPS)
                for (; i + LANES <= n; i += LANES) v_store(sum + i, v_load(sum + i) + v_load(transposed[tap] + i) * v_load(row + from + i));
            for (; i < n; i++) sum[i] += weight[(from + i) * taps + tap] * row[from + i];
        }
        float *out = y + ((int64_t)sequence->first_token + t) * width + from;
        int64_t i = 0;
        if (silu)
            for (; i + LANES <= n; i += LANES) {
                const vf v = v_load(sum + i);
                v_store(out + i, v * v_sigmoid(v));
            }
        for (; i < n; i++) out[i] = silu ? sum[i] / (1 + expf(-sum[i])) : sum[i];
    }
    for (int64_t r = 0; r < window; r++) {
        const float *row = INPUT_ROW(count - window + r);
        float *to = state_after(past, sequence, 0, r) + from;
        if (row) memcpy(to, row + from, (size_t)n * sizeof(float));
        else memset(to, 0, (size_t)n * sizeof(float));
    }
}

HADAL_KERNEL(short_conv) {
    const int64_t width = args->outputs[0].columns;
    int64_t begin, end;
    hadal_share(width, BLOCK, thread, &begin, &end);
    for (uint32_t s = 0; s < args->step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, s);
        if (!sequence->token_count) continue;
        for (int64_t from = begin; from < end; from += BLOCK) {
            const int64_t n = end - from < BLOCK ? end - from : BLOCK;
            convolve(args, sequence, from, n, args->attributes[0].i);
        }
    }
}

#endif
