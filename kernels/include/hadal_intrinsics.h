/*
 * The processor's intrinsics, for sources that use them by name. Included before hadal_each_isa.h. Few sources need it, and the header behind it
 * takes longer to compile than a small kernel.
 */
#ifndef HADAL_INTRINSICS_H
#define HADAL_INTRINSICS_H

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#endif
