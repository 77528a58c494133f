/* concat: joins rows end to end. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(concat, 0)
#else

HADAL_KERNEL(concat) {
    const hadal_kernel_tensor *y = &args->outputs[0];
    int64_t row, end;
    hadal_share(y->rows, 1, thread, &row, &end);
    for (; row < end; row++) {
        char *to = (char *)y->data + row * y->stride;
        for (uint32_t part = 0; part < args->input_count; part++) {
            const hadal_kernel_tensor *x = &args->inputs[part];
            memcpy(to, (const char *)x->data + row * x->stride, (size_t)x->stride);
            to += x->stride;
        }
    }
}

#endif
