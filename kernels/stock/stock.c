/*
 * The kernels of a build. HADAL_EXPORT_KERNEL puts a pointer to each into a section of its own, whose ends the linker names: no list has to be kept.
 */
#include "hadal_kernel.h"

#if defined(__APPLE__)
extern const hadal_kernel *const first_kernel[] __asm__("section$start$__DATA$hadal_kernels");
extern const hadal_kernel *const end_of_kernels[] __asm__("section$end$__DATA$hadal_kernels");
#else
/* Hidden: those of this program or library, whatever others are loaded. */
extern const hadal_kernel *const __start_hadal_kernels[] __attribute__((visibility("hidden")));
extern const hadal_kernel *const __stop_hadal_kernels[] __attribute__((visibility("hidden")));
#define first_kernel __start_hadal_kernels
#define end_of_kernels __stop_hadal_kernels
#endif

const hadal_kernel *const *hadal_stock_kernels(uint64_t *count) {
    *count = (uint64_t)(end_of_kernels - first_kernel);
    return first_kernel;
}
