/*
 * Compiles the including source once per instruction set. A kernel source starts
 *
 *     #include "hadal_kernel.h"
 *     #ifndef HADAL_ISA
 *     #include "hadal_each_isa.h"
 *     HADAL_EXPORT_KERNEL(name, scratch)
 *     #else
 *
 * and everything up to the closing #endif is seen once per instruction set, with HADAL_ISA, HADAL_FN and the vectors of hadal_simd.h
 * set accordingly. No compiler flag is needed: the pragmas below set the target of every function in between.
 *
 * With HADAL_ONLY_ISA defined as one of them it is compiled for that one alone: kernels compiled at run time need no other.
 *
 * A source that uses the intrinsics of <immintrin.h> includes "hadal_intrinsics.h" before this.
 */
#include <math.h>
#include <string.h>
/* Arm's are few, and hadal_simd.h uses them. */
#if defined(__aarch64__)
#include "hadal_intrinsics.h"
#endif

#if !defined(HADAL_ONLY_ISA) || HADAL_ONLY_ISA == 0
#define HADAL_ISA 0
#define HADAL_ISA_SUFFIX _baseline
#include __BASE_FILE__
#undef HADAL_ISA
#undef HADAL_ISA_SUFFIX
#endif

#if defined(__x86_64__)

#if !defined(HADAL_ONLY_ISA) || HADAL_ONLY_ISA == 1
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif
#define HADAL_ISA 1
#define HADAL_ISA_SUFFIX _avx2
#include __BASE_FILE__
#undef HADAL_ISA
#undef HADAL_ISA_SUFFIX
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#if !defined(HADAL_ONLY_ISA) || HADAL_ONLY_ISA == 2
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")
#endif
#define HADAL_ISA 2
#define HADAL_ISA_SUFFIX _avx512
#include __BASE_FILE__
#undef HADAL_ISA
#undef HADAL_ISA_SUFFIX
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#if !defined(HADAL_ONLY_ISA) || HADAL_ONLY_ISA == 3
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#endif
#define HADAL_ISA 3
#define HADAL_ISA_SUFFIX _avx512vnni
#include __BASE_FILE__
#undef HADAL_ISA
#undef HADAL_ISA_SUFFIX
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#elif defined(__aarch64__)

#if !defined(HADAL_ONLY_ISA) || HADAL_ONLY_ISA == 4
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod")
#endif
#define HADAL_ISA 4
#define HADAL_ISA_SUFFIX _dotprod
#include __BASE_FILE__
#undef HADAL_ISA
#undef HADAL_ISA_SUFFIX
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#endif
