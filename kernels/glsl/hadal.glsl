// What every Vulkan kernel has at hand. The host puts this after the declarations that it makes from op.json; see docs/kernels.md.

layout(buffer_reference, std430, buffer_reference_align = 4) buffer HadalFloats { float at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) buffer HadalInts { int at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) buffer HadalWords { uint at[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) buffer HadalPairs { uvec2 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer HadalVectors { vec4 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer HadalQuads { uvec4 at[]; };

// ---- the step ---------------------------------------------------------------------------------------------------------
// Words: T, S, R, where the tables of tokens, sequences and pages start. A token: its sequence, its position. A sequence: first token,
// tokens, tokens already cached, planned length, first page, pages.

uint hadal_word(uint index) { return HadalWords(hadal_push.step).at[index]; }

uint tokens() { return hadal_word(0); }
uint sequence_of(uint token) { return hadal_word(hadal_word(3) + 2 * token); }
uint position_of(uint token) { return hadal_word(hadal_word(3) + 2 * token + 1); }
uint first_of(uint sequence) { return hadal_word(hadal_word(4) + 6 * sequence); }
uint new_of(uint sequence) { return hadal_word(hadal_word(4) + 6 * sequence + 1); }
uint planned_length(uint sequence) { return hadal_word(hadal_word(4) + 6 * sequence + 3); }

// Where the row of a token begins in a cache: `position` counts within its sequence.
uint hadal_cache_row(uint sequence, uint position, uint head, uint heads, uint width, uint page_tokens) {
    uint first = hadal_word(hadal_word(4) + 6 * sequence + 4);
    uint page = hadal_word(hadal_word(5) + first + position / page_tokens);
    return ((page * heads + head) * page_tokens + position % page_tokens) * width;
}

// ---- numbers ----------------------------------------------------------------------------------------------------------

float hadal_half(uint bits) { return unpackHalf2x16(bits & 0xFFFFu).x; }
float hadal_bfloat(uint bits) { return uintBitsToFloat(bits << 16); }

uint hadal_from_half(float value) { return packHalf2x16(vec2(value, 0.0)) & 0xFFFFu; }

// Rounds to nearest, ties to even; a NaN stays one.
uint hadal_from_bfloat(float value) {
    uint bits = floatBitsToUint(value);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return (bits >> 16) | 0x40u;
    return (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
}

// Bias 7, no infinity.
float hadal_float8(uint bits) {
    uint exponent = (bits >> 3) & 15u, mantissa = bits & 7u;
    float value = exponent == 0 ? float(mantissa) * 0.001953125 : uintBitsToFloat(((exponent + 120u) << 23) | (mantissa << 20));
    if ((bits & 0x7Fu) == 0x7Fu) value = uintBitsToFloat(0x7FC00000u);
    return (bits & 0x80u) != 0 ? -value : value;
}

float hadal_silu(float x, float alpha) { return x / (1.0 + exp(-alpha * x)); }

// log(1 + x) for x in [0, 1], exact for small x too, where log itself is exact to 2^-21 alone: a series in x / (2 + x).
float hadal_log1p(float x) {
    float s = x / (2.0 + x), z = s * s;
    float p = fma(fma(fma(0.066666667, z, 0.076923077), z, 0.090909091), z, 0.11111111);
    return 2.0 * s * fma(fma(fma(fma(p, z, 0.14285714), z, 0.2), z, 0.33333333), z, 1.0);
}

// A number that orders as the value does: NaN below everything, -0 as 0.
uint hadal_order(float value) {
    uint bits = floatBitsToUint(value);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return 0;
    if (bits == 0x80000000u) bits = 0;
    return bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
}

// Abramowitz and Stegun 7.1.26 is too coarse; this is the rational form of W. J. Cody's erf, exact to float precision.
float hadal_erf(float x) {
    float a = abs(x);
    if (a < 0.5) {
        float z = x * x;
        float p = fma(fma(fma(-0.0356098437, z, 6.99638348), z, 21.9792616), z, 242.667955);
        float q = fma(fma(z + 15.0827976, z, 91.1649054), z, 215.058876);
        return x * p / q;
    }
    float r;
    if (a < 4.0) {
        float p = -1.36864857e-7, q = 1.0;
        p = fma(p, a, 0.564195517); p = fma(p, a, 7.21175825); p = fma(p, a, 43.1622272);
        p = fma(p, a, 152.989285); p = fma(p, a, 339.320816); p = fma(p, a, 451.918954); p = fma(p, a, 300.459261);
        q = fma(q, a, 12.7827273); q = fma(q, a, 77.0001529); q = fma(q, a, 277.585445);
        q = fma(q, a, 638.980264); q = fma(q, a, 931.354095); q = fma(q, a, 790.950925); q = fma(q, a, 300.459261);
        r = 1.0 - exp(-x * x) * p / q;
    } else {
        r = 1.0;
    }
    return x < 0.0 ? -r : r;
}

// The activations of glu and experts, in the contract's order: silu, gelu, gelu_tanh, relu.
float hadal_gate(uint kind, float x, float alpha) {
    switch (kind) {
        case 0: return hadal_silu(x, alpha);
        case 1: return 0.5 * x * (1.0 + hadal_erf(x * 0.70710678118));
        case 2: return x / (1.0 + exp(-1.5957691216 * (x + 0.044715 * x * x * x)));
        default: return max(x, 0.0);
    }
}

// ---- angles -----------------------------------------------------------------------------------------------------------

// Thirty-two bits of 1 / (2 pi), from the one worth 2^-(first + 1) on; `first` may be negative, before the binary point.
uint hadal_turn_bits(int first) {
    const uint bits[8] = uint[](0x28BE60DBu, 0x9391054Au, 0x7F09D5F4u, 0x7D4D3770u, 0x36D8A566u, 0x4F10E410u, 0x7F9458EAu, 0u);
    if (first <= -32 || first > 192) return 0;
    if (first < 0) return bits[0] >> -first;
    int word = first >> 5, shift = first & 31;
    return shift == 0 ? bits[word] : bits[word] << shift | bits[word + 1] >> (32 - shift);
}

// What is left of position * frequency radians after whole turns, in 2^-32 of a turn. The product and the division by 2 pi are exact
// to far below that, however many turns there are.
uint hadal_turns(int position, float frequency) {
    uint bits = floatBitsToUint(frequency), exponent = (bits >> 23) & 255u;
    uint mantissa = (bits & 0x7FFFFFu) | (exponent > 0 ? 0x800000u : 0u);
    // The angle is (high, low) * 2^power; `turns` are 96 bits of 2^power / (2 pi) behind the binary point.
    int power = int(max(exponent, 1u)) - 150;
    uint high, low, a_high, a_low, b_high, b_low;
    umulExtended(uint(abs(position)), mantissa, high, low);
    uvec3 turns = uvec3(hadal_turn_bits(power), hadal_turn_bits(power + 32), hadal_turn_bits(power + 64));
    umulExtended(low, turns.y, a_high, a_low);
    umulExtended(high, turns.z, b_high, b_low);
    uint carry;
    uaddCarry(a_low, b_low, carry);
    uint left = low * turns.x + a_high + high * turns.y + b_high + carry;
    return (position < 0) != (bits >> 31 != 0) ? 0u - left : left;
}

// cos and sin of position * frequency, to about 1e-7. The built-in functions are exact to 2^-11 alone.
vec2 hadal_rotation(int position, float frequency) {
    uint turns = hadal_turns(position, frequency), quarter = (turns + 0x20000000u) >> 30;
    // Within an eighth of a turn the first terms of the series suffice.
    float angle = float(int(turns - (quarter << 30))) * 1.4629180792671596e-9, z = angle * angle;
    float s = fma(fma(fma(2.7557319e-6, z, -1.9841270e-4), z, 8.3333333e-3), z, -0.16666667);
    float c = fma(fma(fma(fma(-2.7557319e-7, z, 2.4801587e-5), z, -1.3888889e-3), z, 4.1666667e-2), z, -0.5);
    s = fma(angle * z, s, angle);
    c = fma(z, c, 1.0);
    switch (quarter & 3u) {
        case 0: return vec2(c, s);
        case 1: return vec2(-s, c);
        case 2: return vec2(-c, -s);
        default: return vec2(s, -c);
    }
}

// ---- workgroups -------------------------------------------------------------------------------------------------------

shared float hadal_shared[THREADS];

// The sum and the largest of all invocations' values, given to all. Every invocation of the workgroup must call.
float hadal_sum(float value) {
    value = subgroupAdd(value);
    if (THREADS <= SUBGROUP) return value;
    if (subgroupElect()) hadal_shared[gl_SubgroupID] = value;
    barrier();
    float total = 0.0;
    for (uint i = 0; i < gl_NumSubgroups; i++) total += hadal_shared[i];
    barrier();
    return total;
}

float hadal_max(float value) {
    value = subgroupMax(value);
    if (THREADS <= SUBGROUP) return value;
    if (subgroupElect()) hadal_shared[gl_SubgroupID] = value;
    barrier();
    float most = hadal_shared[0];
    for (uint i = 1; i < gl_NumSubgroups; i++) most = max(most, hadal_shared[i]);
    barrier();
    return most;
}
