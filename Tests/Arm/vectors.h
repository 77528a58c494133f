/* What hadal_simd.h has, checked number by number. Included once per pass. */
#include "hadal_simd.h"

/* A number and a code that stands for it: both are NaN, or equal to the sign of zero. */
static void HADAL_FN(check_half)(float got, double wanted, int code) {
    check(wanted != wanted ? got != got : got == wanted && !signbit(got) == !signbit(wanted), "float16 %04x is %g", code, got);
}
/* The nearest float16 number to x, of two equally near ones the even one. */
static int HADAL_FN(nearest)(float x, uint16_t h) {
    if (x != x) return half_value(h) != half_value(h);
    const uint16_t magnitude = h & 0x7fff;
    if (!(h >> 15) != !signbit(x) || magnitude > 0x7c00) return 0;
    /* Infinity is as far away as 2^16 is. */
    const double at = magnitude == 0x7c00 ? 65536 : half_value(magnitude), far = fabs(fabs((double)x) - at);
    if (isinf(x)) return magnitude == 0x7c00;
    const double below = magnitude ? fabs((double)x) - half_value((uint16_t)(magnitude - 1)) : INFINITY;
    const double above = magnitude == 0x7c00 ? INFINITY : (magnitude == 0x7bff ? 65536 : half_value((uint16_t)(magnitude + 1))) - fabs((double)x);
    if (magnitude == 0x7c00 && fabs((double)x) >= 65536) return 1;
    return far < fmin(below, above) || (far == fmin(below, above) && h % 2 == 0);
}

/* float16 to and from float32, of all codes and of what lies between them; e^x within 2 units in the last place. */
static void HADAL_FN(check_vectors)(void) {
    for (int code = 0; code < 65536; code += LANES) {
        uint16_t h[LANES], back[LANES], rounded[LANES];
        for (int i = 0; i < LANES; i++) h[i] = (uint16_t)(code + i);
        const vf wide = v_load_f16(h);
        v_store_f16(back, wide);
        for (int i = 0; i < LANES; i++) {
            HADAL_FN(check_half)(wide[i], half_value(h[i]), h[i]);
            HADAL_FN(check_half)(f16_to_f32(h[i]), half_value(h[i]), h[i]);
            check(half_value(h[i]) != half_value(h[i]) ? half_value(back[i]) != half_value(back[i]) : back[i] == h[i],
                  "float16 %04x comes back as %04x", h[i], back[i]);
            /* Halfway to the next code, and a little to both sides. */
            const uint16_t next = (uint16_t)(h[i] + 1);
            if ((h[i] & 0x7fff) >= 0x7c00) continue;
            const float half = (float)((half_value(h[i]) + ((next & 0x7fff) == 0x7c00 ? copysign(65536, half_value(h[i])) : half_value(next))) / 2);
            const vf three = {nextafterf(half, -INFINITY), half, nextafterf(half, INFINITY), half};
            v_store_f16(rounded, three);
            for (int j = 0; j < 3; j++) {
                check(HADAL_FN(nearest)(three[j], rounded[j]), "%a becomes float16 %04x", three[j], rounded[j]);
                check(rounded[j] == f32_to_f16(three[j]), "%a becomes float16 %04x and %04x", three[j], rounded[j], f32_to_f16(three[j]));
            }
        }
    }
    for (double x = -110; x < 88.7; x += 0.0037 * LANES) {
        vf v, e;
        for (int i = 0; i < LANES; i++) v[i] = (float)(x + 0.0037 * i);
        e = v_exp(v);
        for (int i = 0; i < LANES && v[i] < 88.7f; i++) {
            const double wanted = v[i] < -87.3f ? 0 : exp(v[i]);
            check(fabs(e[i] - wanted) <= 2 * wanted * 0x1p-23, "e^%g is %g for %g", v[i], e[i], wanted);
        }
    }
    const vf special = v_exp((vf){NAN, -INFINITY, 0, 88});
    check(special[0] != special[0] && special[1] == 0 && special[2] == 1 && special[3] > 1e38f, "e^x of NaN, -infinity, 0 and 88");
}
