/* slice: columns from, from + 1, ... of every row. */
#include "hadal_kernel.h"
#ifndef HADAL_ISA
#include "hadal_each_isa.h"
HADAL_EXPORT_KERNEL(slice, 0)
#else

HADAL_KERNEL(slice) {
    const hadal_kernel_tensor *x = &args->inputs[0], *y = &args->outputs[0];
    const int64_t from = args->attributes[0].i;
    int64_t row, end;
    hadal_share(y->rows, 1, thread, &row, &end);
    for (; row < end; row++)
        memcpy((char *)y->data + row * y->stride, (const char *)x->data + row * x->stride + from * 4, (size_t)(y->columns * 4));
}

#endif
