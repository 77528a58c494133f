/* scale_by_position: y = x * (1 + factor * ln(1 + floor((position + offset) / length))). */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include <math.h>
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(scale_by_position, 0)
#else
#include "hadal_simd.h"

HADAL_KERNEL(scale_by_position) {
    const hadal_kernel_tensor *out = &args->outputs[0];
    const float *x = args->inputs[0].data;
    const int32_t *positions = args->inputs[1].data;
    const double factor = args->attributes[0].f;
    const int64_t length = args->attributes[1].i, offset = args->attributes[2].i, width = out->columns;
    float *y = out->data;
    int64_t row, end;
    hadal_share(out->rows, 1, thread, &row, &end);
    for (; row < end; row++) {
        const float grown = (float)(1 + factor * log(1 + (double)((positions[row] + offset) / length)));
        const float *from = x + row * width;
        float *to = y + row * width;
        int64_t i = 0;
        for (; i + LANES <= width; i += LANES) v_store(to + i, v_load(from + i) * grown);
        for (; i < width; i++) to[i] = from[i] * grown;
    }
}

#endif
