/* split: cuts rows into consecutive slices. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(split, 0)
#else

HADAL_KERNEL(split) {
    const hadal_kernel_tensor *x = &args->inputs[0];
    int64_t row, end;
    hadal_share(x->rows, 1, thread, &row, &end);
    for (; row < end; row++) {
        const char *from = (const char *)x->data + row * x->stride;
        for (uint32_t part = 0; part < args->output_count; part++) {
            const hadal_kernel_tensor *y = &args->outputs[part];
            memcpy((char *)y->data + row * y->stride, from, (size_t)y->stride);
            from += y->stride;
        }
    }
}

#endif
