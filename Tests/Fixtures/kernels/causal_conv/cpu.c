#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(causal_conv, 0)
#else
#include "hadal_simd.h"
#include "hadal_cache.h"
enum { COLUMNS = 64 };

HADAL_KERNEL(causal_conv) {
    const float *x = args->inputs[0].data, *weight = args->inputs[1].data, *bias = args->inputs[2].data;
    float *y = args->outputs[0].data, kept[COLUMNS];
    const hadal_kernel_state *past = &args->states[0];
    const int64_t width = args->outputs[0].columns, taps = args->inputs[1].columns, size = past->dtype == HADAL_DTYPE_F32 ? 4 : 2;
    int64_t begin, end;
    hadal_share(width, COLUMNS, thread, &begin, &end); /* columns: a thread reads back what it wrote itself, and nothing of another */
    for (uint32_t s = 0; s < args->step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, s);
        for (uint32_t t = 0; t < sequence->token_count; t++) {
            const int64_t row = (int64_t)sequence->first_token + t, position = (int64_t)sequence->past + t;
            for (int64_t from = begin; from < end; from += COLUMNS) {
                const int64_t n = end - from < COLUMNS ? end - from : COLUMNS;
                float *out = y + row * width + from;
                cache_store(past->dtype, cache_row(past, args->step, sequence, 0, position) + from * size, x + row * width + from, n);
                for (int64_t i = 0; i < n; i++) out[i] = bias ? bias[from + i] : 0;
                for (int64_t tap = 0; tap < taps; tap++) {
                    const int64_t token = position - (taps - 1) + tap;
                    if (token < 0) continue; /* before the sequence: zeros */
                    floats_from(kept, cache_row(past, args->step, sequence, 0, token) + from * size, past->dtype, n);
                    for (int64_t i = 0; i < n; i++) out[i] += weight[(from + i) * taps + tap] * kept[i];
                }
            }
        }
    }
}

#endif
