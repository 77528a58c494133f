/* rms_norm: each of `groups` slices of a row over its root mean square, times the weight. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(rms_norm, 0)
#else
#include "hadal_simd.h"
#include "hadal_norm.h"

/* attributes, sorted by name: eps, groups. */
HADAL_KERNEL(rms_norm) {
    const float eps = (float)args->attributes[0].f;
    const int64_t groups = args->attributes[1].i, width = args->outputs[0].columns / groups;
    const float *x = args->inputs[0].data;
    float *y = args->outputs[0].data;
    int64_t i, end;
    hadal_share(args->outputs[0].rows * groups, 1, thread, &i, &end);
    for (; i < end; i++) {
        const float *weight = norm_parameters(&args->inputs[1], i, groups, width);
        normalise(x + i * width, weight, y + i * width, width, eps);
    }
}

#endif
