/* scale: y = factor * x. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(scale, 0)
#else
#include "hadal_simd.h"

HADAL_KERNEL(scale) {
    const float *x = args->inputs[0].data;
    float *y = args->outputs[0].data;
    const float factor = (float)args->attributes[0].f;
    int64_t i, end;
    hadal_share(args->outputs[0].rows * args->outputs[0].columns, 64, thread, &i, &end);
    for (; i + LANES <= end; i += LANES) {
        vf v = v_load(x + i);
        v_store(y + i, v * factor);
    }
    if (i < end) {
        vf v = v_load_part(x + i, end - i);
        v_store_part(y + i, v * factor, end - i);
    }
}

#endif
