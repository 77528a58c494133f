/* clamp: x limited to [minimum, maximum]; NaN stays NaN. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(clamp, 0)
#else
#include "hadal_simd.h"

HADAL_KERNEL(clamp) {
    const float *x = args->inputs[0].data;
    float *y = args->outputs[0].data;
    const vf maximum = v_splat((float)args->attributes[0].f), minimum = v_splat((float)args->attributes[1].f);
    int64_t i, end;
    hadal_share(args->outputs[0].rows * args->outputs[0].columns, 64, thread, &i, &end);
    for (; i + LANES <= end; i += LANES) {
        vf v = v_load(x + i);
        v_store(y + i, v_select(v < minimum, minimum, v_select(v > maximum, maximum, v)));
    }
    if (i < end) {
        vf v = v_load_part(x + i, end - i);
        v_store_part(y + i, v_select(v < minimum, minimum, v_select(v > maximum, maximum, v)), end - i);
    }
}

#endif
