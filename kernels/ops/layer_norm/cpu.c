/* layer_norm: each of `groups` slices of a row less its mean, over its standard deviation, times the weight, plus the bias. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(layer_norm, 0)
#else
#include "hadal_simd.h"
#include "hadal_norm.h"

/* attributes, sorted by name: eps, groups. */
HADAL_KERNEL(layer_norm) {
    const float eps = (float)args->attributes[0].f;
    const int64_t groups = args->attributes[1].i, n = args->outputs[0].columns / groups;
    const hadal_kernel_tensor *weights = &args->inputs[1], *biases = &args->inputs[2];
    int64_t slice, end;
    hadal_share(args->outputs[0].rows * groups, 1, thread, &slice, &end);
    for (; slice < end; slice++) {
        const float *x = (const float *)args->inputs[0].data + slice * n;
        float *y = (float *)args->outputs[0].data + slice * n;
        const float *weight = norm_parameters(weights, slice, groups, n), *bias = norm_parameters(biases, slice, groups, n);
        vf sum = {0};
        int64_t i = 0;
        for (; i + LANES <= n; i += LANES) sum += v_load(x + i);
        float total = v_reduce_add(sum);
        for (; i < n; i++) total += x[i];
        const float mean = total / (float)n;
        vf square = {0};
        for (i = 0; i + LANES <= n; i += LANES) {
            vf v = v_load(x + i) - mean;
            square += v * v;
        }
        float variance = v_reduce_add(square);
        for (; i < n; i++) variance += (x[i] - mean) * (x[i] - mean);
        const float factor = 1.0f / sqrtf(variance / (float)n + eps);
        for (i = 0; i < n; i++) {
            float v = (x[i] - mean) * factor;
            if (weight) v *= weight[i];
            y[i] = bias ? v + bias[i] : v;
        }
    }
}

#endif
