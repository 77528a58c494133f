/* relu2_gate: relu(gate)^2 * up. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(relu2_gate, 0)
#else
#include "hadal_simd.h"

HADAL_KERNEL(relu2_gate) {
    const float *gate = args->inputs[0].data, *up = args->inputs[1].data;
    float *y = args->outputs[0].data;
    int64_t i, end;
    hadal_share(args->outputs[0].rows * args->outputs[0].columns, 64, thread, &i, &end);
    for (; i + LANES <= end; i += LANES) {
        vf g = v_max(v_load(gate + i), v_splat(0));
        v_store(y + i, g * g * v_load(up + i));
    }
    for (; i < end; i++) y[i] = gate[i] > 0 ? gate[i] * gate[i] * up[i] : 0 * up[i];
}

#endif
