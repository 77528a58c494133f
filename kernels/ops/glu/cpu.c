/* glu: activation(gate) * up, with the clamps and offsets of the contract. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(glu, 0)
#else
#include "hadal_simd.h"
#include "hadal_gate.h"

/* attributes, sorted by name: activation, alpha, limit, up_offset. */
HADAL_KERNEL(glu) {
    const int64_t kind = args->attributes[0].i;
    const float alpha = (float)args->attributes[1].f, limit = (float)args->attributes[2].f, offset = (float)args->attributes[3].f;
    const float *gate = args->inputs[0].data, *up = args->inputs[1].data;
    float *y = args->outputs[0].data;
    int64_t i, end;
    hadal_share(args->outputs[0].rows * args->outputs[0].columns, 64, thread, &i, &end);
    for (; i + LANES <= end; i += LANES) v_store(y + i, gated(kind, alpha, limit, offset, v_load(gate + i), v_load(up + i)));
    if (i < end) {
        vf v = gated(kind, alpha, limit, offset, v_load_part(gate + i, end - i), v_load_part(up + i, end - i));
        v_store_part(y + i, v, end - i);
    }
}

#endif
