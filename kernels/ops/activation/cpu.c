/* activation: an elementwise function, chosen by `kind`. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(activation, 0)
#else
#include "hadal_simd.h"

#ifndef ACTIVATION_KINDS
#define ACTIVATION_KINDS
enum { KIND_SILU, KIND_GELU, KIND_GELU_TANH, KIND_RELU, KIND_SIGMOID, KIND_TANH, KIND_SOFTPLUS };
#endif

INLINE vf HADAL_FN(apply)(int64_t kind, vf x) {
    switch (kind) {
    case KIND_SILU: return x * v_sigmoid(x);
    case KIND_GELU: return v_gelu(x);
    case KIND_GELU_TANH: return 0.5f * x * (1.0f + v_tanh(0.79788456080286536f * (x + 0.044715f * x * x * x)));
    case KIND_RELU: return v_select(x < v_splat(0), v_splat(0), x);
    case KIND_SIGMOID: return v_sigmoid(x);
    case KIND_TANH: return v_tanh(x);
    default: {
        vf y;
        for (int i = 0; i < LANES; i++) y[i] = x[i] > 20 ? x[i] : log1pf(expf(x[i]));
        return y;
    }
    }
}

HADAL_KERNEL(activation) {
    const int64_t kind = args->attributes[0].i;
    const float *x = args->inputs[0].data;
    float *y = args->outputs[0].data;
    int64_t i, end;
    hadal_share(args->outputs[0].rows * args->outputs[0].columns, 64, thread, &i, &end);
    for (; i + LANES <= end; i += LANES) v_store(y + i, HADAL_FN(apply)(kind, v_load(x + i)));
    if (i < end) v_store_part(y + i, HADAL_FN(apply)(kind, v_load_part(x + i, end - i)), end - i);
}

#endif
