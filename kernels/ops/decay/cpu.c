#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(decay, 0)
#else
#include <math.h>
#include "hadal_simd.h"

/* attributes, sorted by name: form, lower_bound. */
HADAL_KERNEL(decay) {
    const float *x = args->inputs[0].data, *a = args->inputs[1].data, *bias = args->inputs[2].data;
    const int64_t width = args->outputs[0].columns, heads = args->inputs[1].columns * args->inputs[1].rows, size = width / heads;
    const float bound = (float)args->attributes[1].f;
    float *y = args->outputs[0].data;
    int64_t i, end;
    hadal_share(args->outputs[0].rows * width, 64, thread, &i, &end);
    for (; i < end; i++) {
        const float entry = a[i % width / size], rate = args->attributes[0].i ? -entry : expf(entry), sum = x[i] + (bias ? bias[i % width] : 0);
        if (bound < 0) y[i] = bound / (1 + expf(-rate * sum));
        else y[i] = -rate * (sum > 0 ? sum + log1pf(expf(-sum)) : log1pf(expf(sum)));
    }
}

#endif
