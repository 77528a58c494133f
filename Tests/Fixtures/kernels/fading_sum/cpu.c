#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(fading_sum, 0)
#else
#include "hadal_simd.h"
#include "hadal_cache.h"

HADAL_KERNEL(fading_sum) {
    const float *x = args->inputs[0].data, *keep = args->inputs[1].data;
    float *y = args->outputs[0].data;
    const int64_t width = args->outputs[0].columns;
    int64_t begin, end;
    hadal_share(width, 64, thread, &begin, &end); /* columns: each has a recurrence of its own */
    for (uint32_t s = 0; s < args->step->sequence_count; s++) {
        const hadal_sequence *sequence = step_sequence(args->step, s);
        if (!sequence->token_count) continue;
        const float *before = state_before(&args->states[0], sequence, 0, 0); /* NULL before the first token: zeros */
        float *after = state_after(&args->states[0], sequence, 0, 0);
        for (int64_t i = begin; i < end; i++) {
            float sum = before ? before[i] : 0;
            for (uint32_t t = 0; t < sequence->token_count; t++) {
                const int64_t at = ((int64_t)sequence->first_token + t) * width + i;
                y[at] = sum = keep[i] * sum + x[at];
            }
            after[i] = sum;
        }
    }
}

#endif
