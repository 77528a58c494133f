/* add: y = a + b, element by element. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(add, 0)
#else
#include "hadal_simd.h"

HADAL_KERNEL(add) {
    const float *a = args->inputs[0].data, *b = args->inputs[1].data;
    float *y = args->outputs[0].data;
    int64_t i, end;
    hadal_share(args->outputs[0].rows * args->outputs[0].columns, 64, thread, &i, &end);
    for (; i + LANES <= end; i += LANES) v_store(y + i, v_load(a + i) + v_load(b + i));
    for (; i < end; i++) y[i] = a[i] + b[i];
}

#endif
