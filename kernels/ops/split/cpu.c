/* split: cuts each of `groups` equal parts of a row into consecutive slices. Attributes that are lists are not passed. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(split, 0)
#else

HADAL_KERNEL(split) {
    const hadal_kernel_tensor *x = &args->inputs[0];
    const int64_t groups = args->attribute_count ? args->attributes[0].i : 1;
    int64_t row, end;
    hadal_share(x->rows, 1, thread, &row, &end);
    for (; row < end; row++) {
        const char *from = (const char *)x->data + row * x->stride;
        for (int64_t group = 0; group < groups; group++)
            for (uint32_t part = 0; part < args->output_count; part++) {
                const hadal_kernel_tensor *y = &args->outputs[part];
                const int64_t bytes = y->stride / groups;
                memcpy((char *)y->data + row * y->stride + group * bytes, from, (size_t)bytes);
                from += bytes;
            }
    }
}

#endif
