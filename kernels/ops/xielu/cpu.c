/* xielu: y = positive x^2 + beta x above 0, negative (exp(min(x, eps)) - 1 - x) + beta x below. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(xielu, 0)
#else
#include "hadal_simd.h"

HADAL_KERNEL(xielu) {
    const float *x = args->inputs[0].data;
    float *y = args->outputs[0].data;
    const float beta = (float)args->attributes[0].f, eps = (float)args->attributes[1].f;
    const float negative = (float)args->attributes[2].f, positive = (float)args->attributes[3].f;
    int64_t i, end;
    hadal_share(args->outputs[0].rows * args->outputs[0].columns, 64, thread, &i, &end);
    for (; i < end; i += LANES) {
        const int64_t left = end - i;
        const vf v = left >= LANES ? v_load(x + i) : v_load_part(x + i, left);
        const vf below = negative * (v_exp(v_min(v, v_splat(eps))) - 1 - v);
        const vf bent = v_select(v > v_splat(0), positive * v * v, below) + beta * v;
        if (left >= LANES)
            v_store(y + i, bent);
        else
            v_store_part(y + i, bent, left);
    }
}

#endif
