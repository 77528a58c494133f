/*
 * rope: rotates pairs of dimensions of each head by position * inv_freq.
 *
 * Two kernels: rope_table makes cos and sin once a step for every token, in double precision; rope applies them, and all the layers that share
 * frequencies share the table.
 */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(rope, 0)
HADAL_EXPORT_KERNEL(rope_table, 0)
#else
#include "hadal_simd.h"

/* inputs: positions i32 [N], inv_freq f32 [variants, pairs]; attributes: scale, switch_length; output: [N, 2 * pairs], cos then sin. */
HADAL_KERNEL(rope_table) {
    const int32_t *positions = args->inputs[0].data;
    const int64_t pairs = args->inputs[1].columns, limit = args->attributes[1].i;
    const double scale = args->attributes[0].f;
    const hadal_step *step = args->step;
    int64_t row, end;
    hadal_share(args->outputs[0].rows, 1, thread, &row, &end);
    for (; row < end; row++) {
        const float *frequencies = args->inputs[1].data;
        if (limit > 0) {
            for (uint32_t s = 0; s < step->sequence_count; s++) {
                const hadal_sequence *sequence = (const hadal_sequence *)((const char *)step->sequences + (size_t)s * step->sequence_stride);
                if (row < sequence->first_token || row - sequence->first_token >= sequence->token_count) continue;
                if (sequence->planned_length > limit) frequencies += pairs;
                break;
            }
        }
        float *to = (float *)args->outputs[0].data + row * 2 * pairs;
        for (int64_t k = 0; k < pairs; k++) {
            double angle = (double)positions[row] * (double)frequencies[k];
            to[k] = (float)(cos(angle) * scale);
            to[pairs + k] = (float)(sin(angle) * scale);
        }
    }
}

/* inputs: x, table; attributes, sorted by name: heads, layout, offset, rotary, scale, switch_length. */
HADAL_KERNEL(rope) {
    const int64_t heads = args->attributes[0].i, adjacent = args->attributes[1].i, offset = args->attributes[2].i;
    const int64_t rotary = args->attributes[3].i, pairs = rotary / 2, width = args->outputs[0].columns / heads;
    const float *x = args->inputs[0].data, *table = args->inputs[1].data;
    float *y = args->outputs[0].data;
    int64_t item, end;
    hadal_share(args->outputs[0].rows * heads, 1, thread, &item, &end);
    for (; item < end; item++) {
        const float *from = x + item * width, *cosine = table + item / heads * rotary, *sine = cosine + pairs;
        float *to = y + item * width;
        if (to != from) {
            memcpy(to, from, (size_t)offset * 4);
            memcpy(to + offset + rotary, from + offset + rotary, (size_t)(width - offset - rotary) * 4);
        }
        from += offset;
        to += offset;
        int64_t k = 0;
        if (adjacent) {
            for (; k < pairs; k++) {
                float a = from[2 * k], b = from[2 * k + 1];
                to[2 * k] = a * cosine[k] - b * sine[k];
                to[2 * k + 1] = a * sine[k] + b * cosine[k];
            }
        } else {
            for (; k + LANES <= pairs; k += LANES) {
                vf a = v_load(from + k), b = v_load(from + pairs + k), c = v_load(cosine + k), s = v_load(sine + k);
                v_store(to + k, a * c - b * s);
                v_store(to + pairs + k, a * s + b * c);
            }
            for (; k < pairs; k++) {
                float a = from[k], b = from[pairs + k];
                to[k] = a * cosine[k] - b * sine[k];
                to[pairs + k] = a * sine[k] + b * cosine[k];
            }
        }
    }
}

#endif
