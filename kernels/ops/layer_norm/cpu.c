/* layer_norm: each of `groups` slices of a row less its mean, over its standard deviation, times the weight, plus the bias. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(layer_norm, 0)
#else
#include "hadal_simd.h"
#include "hadal_norm.h"
#define vd HADAL_FN(vd)
typedef double vd __attribute__((vector_size(LANES * 8)));

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
        /* Sums of float64: where a row lies far from 0, what is left of it after its mean would else be the rounding of the sum. */
        vd sum = {0};
        int64_t i = 0;
        for (; i + LANES <= n; i += LANES) sum += __builtin_convertvector(v_load(x + i), vd);
        double total = 0;
        for (int c = 0; c < LANES; c++) total += sum[c];
        for (; i < n; i++) total += x[i];
        /* The mean in two parts, since one float has not all of it. */
        const float mean = (float)(total / (double)n), rest = (float)(total / (double)n - mean);
        vd square = {0};
        for (i = 0; i + LANES <= n; i += LANES) {
            const vd v = __builtin_convertvector(v_load(x + i) - mean - rest, vd);
            square += v * v;
        }
        double variance = 0;
        for (int c = 0; c < LANES; c++) variance += square[c];
        for (; i < n; i++) {
            const double v = x[i] - mean - rest;
            variance += v * v;
        }
        const float factor = (float)(1.0 / sqrt(variance / (double)n + eps));
        for (i = 0; i + LANES <= n; i += LANES) {
            vf v = (v_load(x + i) - mean - rest) * factor;
            if (weight) v *= v_load(weight + i);
            v_store(y + i, bias ? v + v_load(bias + i) : v);
        }
        for (; i < n; i++) {
            float v = (x[i] - mean - rest) * factor;
            if (weight) v *= weight[i];
            y[i] = bias ? v + bias[i] : v;
        }
    }
}

#endif
