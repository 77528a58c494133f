/* Measuring what the machine can do at most: the ceilings that speeds are compared with. */
#ifndef HADAL_MACHINE_H
#define HADAL_MACHINE_H

#include <stdint.h>

/* Sums `bytes` (a multiple of 64) from `data`: what a plain read loop gets. The result keeps the loop from being removed. */
uint64_t hadal_machine_read(const void *data, uint64_t bytes);

/* Multiply-adds on registers only. Returns how many float32 operations (a multiply-add is two) were done. */
double hadal_machine_float_operations(uint64_t rounds, float *sink);

/* The same of 8-bit products summed to 32 bits. */
double hadal_machine_int8_operations(uint64_t rounds, int32_t *sink);

/* The name of the strongest instruction set at hand. */
const char *hadal_machine_instruction_set(void);

#endif
