/* gather_rows: picks rows of x. A row number out of range gives zeros. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(gather_rows, 0)
#else

HADAL_KERNEL(gather_rows) {
    const hadal_kernel_tensor *x = &args->inputs[0], *y = &args->outputs[0];
    const int32_t *rows = args->inputs[1].data;
    int64_t i, end;
    hadal_share(y->rows, 1, thread, &i, &end);
    for (; i < end; i++) {
        char *to = (char *)y->data + i * y->stride;
        if (rows[i] >= 0 && rows[i] < x->rows)
            memcpy(to, (const char *)x->data + rows[i] * x->stride, (size_t)y->stride);
        else
            memset(to, 0, (size_t)y->stride);
    }
}

#endif
