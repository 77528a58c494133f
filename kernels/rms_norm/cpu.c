/* rms_norm: each of `groups` slices of a row over its root mean square, times the weight. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(rms_norm, 0)
#else
#include "hadal_simd.h"

INLINE void HADAL_FN(normalise)(const float *x, const float *weight, float *y, int64_t n, float eps) {
    vf sum[4] = {{0}, {0}, {0}, {0}};
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES)
        for (int j = 0; j < 4; j++) {
            vf v = v_load(x + i + j * LANES);
            sum[j] += v * v;
        }
    for (; i + LANES <= n; i += LANES) {
        vf v = v_load(x + i);
        sum[0] += v * v;
    }
    if (i < n) {
        vf v = v_load_part(x + i, n - i);
        sum[1] += v * v;
    }
    const float factor = 1.0f / sqrtf(v_sum((sum[0] + sum[1]) + (sum[2] + sum[3])) / (float)n + eps);
    i = 0;
    if (weight) {
        for (; i + LANES <= n; i += LANES) v_store(y + i, v_load(x + i) * factor * v_load(weight + i));
        for (; i < n; i++) y[i] = x[i] * factor * weight[i];
    } else {
        for (; i + LANES <= n; i += LANES) v_store(y + i, v_load(x + i) * factor);
        for (; i < n; i++) y[i] = x[i] * factor;
    }
}

/* attributes, sorted by name: eps, groups. */
HADAL_KERNEL(rms_norm) {
    const float eps = (float)args->attributes[0].f;
    const int64_t groups = args->attributes[1].i, width = args->outputs[0].columns / groups;
    const float *x = args->inputs[0].data, *weight = args->inputs[1].data;
    float *y = args->outputs[0].data;
    int64_t i, end;
    hadal_share(args->outputs[0].rows * groups, 1, thread, &i, &end);
    for (; i < end; i++) HADAL_FN(normalise)(x + i * width, weight, y + i * width, width, eps);
}

#endif
