// Thirty-two consecutive weights of a row, decoded. The host lays a quantised row out as whole words of each block (the payload) followed by
// what is left of each block (its float16 or 8-bit scale), so that both can be read as words.
//
// `payload` is the word at which the block's payload starts, `side` its left-over bytes, `part` which 32 of a block of 256.

uint hadal_byte(HadalWords words, uint first, uint index) { return (words.at[first + (index >> 2)] >> (8 * (index & 3))) & 255u; }
int hadal_signed_byte(uint word, uint index) { return bitfieldExtract(int(word), int(8 * index), 8); }

const float hadal_levels[16] = float[](-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
const float hadal_fp4[16] = float[](0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

#define HADAL_NIBBLES(FIRST, LOW, HIGH) \
    [[unroll]] for (uint k = 0; k < 4; k++) { \
        uint q = words.at[(FIRST) + k]; \
        [[unroll]] for (uint b = 0; b < 4; b++) { \
            uint n = (q >> (8 * b)) & 255u, l = 4 * k + b; \
            v[l] = LOW; \
            v[l + 16] = HIGH; \
        } \
    }

void hadal_block_q4_0(HadalWords words, uint payload, uint side, uint part, out float v[32]) {
    float d = hadal_half(side);
    HADAL_NIBBLES(payload, d * (float(n & 15u) - 8.0), d * (float(n >> 4) - 8.0))
}

void hadal_block_q4_1(HadalWords words, uint payload, uint side, uint part, out float v[32]) {
    vec2 dm = unpackHalf2x16(words.at[payload]);
    HADAL_NIBBLES(payload + 1, dm.x * float(n & 15u) + dm.y, dm.x * float(n >> 4) + dm.y)
}

void hadal_block_q5_0(HadalWords words, uint payload, uint side, uint part, out float v[32]) {
    float d = hadal_half(side);
    uint h = words.at[payload];
    HADAL_NIBBLES(payload + 1, d * (float((n & 15u) | ((h >> l) & 1u) << 4) - 16.0), d * (float((n >> 4) | ((h >> (l + 16)) & 1u) << 4) - 16.0))
}

void hadal_block_q5_1(HadalWords words, uint payload, uint side, uint part, out float v[32]) {
    vec2 dm = unpackHalf2x16(words.at[payload]);
    uint h = words.at[payload + 1];
    HADAL_NIBBLES(payload + 2, dm.x * float((n & 15u) | ((h >> l) & 1u) << 4) + dm.y, dm.x * float((n >> 4) | ((h >> (l + 16)) & 1u) << 4) + dm.y)
}

void hadal_block_q8_0(HadalWords words, uint payload, uint side, uint part, out float v[32]) {
    float d = hadal_half(side);
    [[unroll]] for (uint k = 0; k < 8; k++) {
        uint q = words.at[payload + k];
        [[unroll]] for (uint b = 0; b < 4; b++) v[4 * k + b] = d * float(hadal_signed_byte(q, b));
    }
}

void hadal_block_iq4_nl(HadalWords words, uint payload, uint side, uint part, out float v[32]) {
    float d = hadal_half(side);
    HADAL_NIBBLES(payload, d * hadal_levels[n & 15u], d * hadal_levels[n >> 4])
}

void hadal_block_mxfp4(HadalWords words, uint payload, uint side, uint part, out float v[32]) {
    uint e = side & 255u;
    // Half of 2^(e - 127), because the table holds twice the values.
    float d = uintBitsToFloat(e < 2 ? 0x00200000u << e : (e - 1) << 23);
    HADAL_NIBBLES(payload, d * hadal_fp4[n & 15u], d * hadal_fp4[n >> 4])
}

// Six-bit scale and minimum of one of eight parts, from the twelve bytes that Q4_K and Q5_K pack them into.
uvec2 hadal_k_scale(HadalWords words, uint first, uint part) {
    if (part < 4) return uvec2(hadal_byte(words, first, part) & 63u, hadal_byte(words, first, part + 4) & 63u);
    uint low = hadal_byte(words, first, part + 4), a = hadal_byte(words, first, part - 4), b = hadal_byte(words, first, part);
    return uvec2((low & 15u) | (a >> 6) << 4, (low >> 4) | (b >> 6) << 4);
}

void hadal_block_q4_k(HadalWords words, uint payload, uint side, uint part, out float v[32]) {
    vec2 dm = unpackHalf2x16(words.at[payload]);
    uvec2 s = hadal_k_scale(words, payload + 1, part);
    float d = dm.x * float(s.x), m = dm.y * float(s.y);
    [[unroll]] for (uint k = 0; k < 8; k++) {
        uint q = words.at[payload + 4 + 8 * (part >> 1) + k] >> (4 * (part & 1u));
        [[unroll]] for (uint b = 0; b < 4; b++) v[4 * k + b] = d * float((q >> (8 * b)) & 15u) - m;
    }
}

void hadal_block_q5_k(HadalWords words, uint payload, uint side, uint part, out float v[32]) {
    vec2 dm = unpackHalf2x16(words.at[payload]);
    uvec2 s = hadal_k_scale(words, payload + 1, part);
    float d = dm.x * float(s.x), m = dm.y * float(s.y);
    [[unroll]] for (uint k = 0; k < 8; k++) {
        uint h = words.at[payload + 4 + k] >> part;
        uint q = words.at[payload + 12 + 8 * (part >> 1) + k] >> (4 * (part & 1u));
        [[unroll]] for (uint b = 0; b < 4; b++) v[4 * k + b] = d * float(((q >> (8 * b)) & 15u) | ((h >> (8 * b)) & 1u) << 4) - m;
    }
}

void hadal_block_q6_k(HadalWords words, uint payload, uint side, uint part, out float v[32]) {
    float d = hadal_half(side);
    uint half_block = part >> 2, quarter = part & 3u;
    [[unroll]] for (uint k = 0; k < 8; k++) {
        uint low = words.at[payload + 16 * half_block + 8 * (quarter & 1u) + k] >> (4 * (quarter >> 1));
        uint high = words.at[payload + 32 + 8 * half_block + k] >> (2 * quarter);
        uint s = 8 * half_block + 2 * quarter + (k >> 2);
        float scale = d * float(hadal_signed_byte(words.at[payload + 48 + (s >> 2)], s & 3u));
        [[unroll]] for (uint b = 0; b < 4; b++) {
            uint q = ((low >> (8 * b)) & 15u) | ((high >> (8 * b)) & 3u) << 4;
            v[4 * k + b] = scale * (float(q) - 32.0);
        }
    }
}

void hadal_block_q2_k(HadalWords words, uint payload, uint side, uint part, out float v[32]) {
    vec2 dm = unpackHalf2x16(words.at[payload + 20]);
    [[unroll]] for (uint k = 0; k < 8; k++) {
        uint s = hadal_byte(words, payload, 8 * (part >> 2) + 2 * (part & 3u) + (k >> 2));
        uint q = words.at[payload + 4 + 8 * (part >> 2) + k] >> (2 * (part & 3u));
        [[unroll]] for (uint b = 0; b < 4; b++) v[4 * k + b] = dm.x * float(s & 15u) * float((q >> (8 * b)) & 3u) - dm.y * float(s >> 4);
    }
}

void hadal_block_q3_k(HadalWords words, uint payload, uint side, uint part, out float v[32]) {
    float d = hadal_half(side);
    [[unroll]] for (uint k = 0; k < 8; k++) {
        uint j = 8 * (part >> 2) + 2 * (part & 3u) + (k >> 2);
        uint low = hadal_byte(words, payload + 24, j & 7u), high = hadal_byte(words, payload + 24, 8 + (j & 3u));
        uint s = ((j < 8 ? low : low >> 4) & 15u) | ((high >> (2 * (j >> 2))) & 3u) << 4;
        float scale = d * (float(s) - 32.0);
        uint q = words.at[payload + 8 + 8 * (part >> 2) + k] >> (2 * (part & 3u));
        uint m = words.at[payload + k] >> part;
        [[unroll]] for (uint b = 0; b < 4; b++) v[4 * k + b] = scale * (float((q >> (8 * b)) & 3u) - (((m >> (8 * b)) & 1u) != 0 ? 0.0 : 4.0));
    }
}

void hadal_block_iq4_xs(HadalWords words, uint payload, uint side, uint part, out float v[32]) {
    uint head = words.at[payload];
    uint low = (words.at[payload + 1] >> (8 * (part >> 1) + 4 * (part & 1u))) & 15u;
    uint high = (head >> (16 + 2 * part)) & 3u;
    float d = hadal_half(head) * (float(low | high << 4) - 32.0);
    uint first = payload + 2 + 4 * part;
    HADAL_NIBBLES(first, d * hadal_levels[n & 15u], d * hadal_levels[n >> 4])
}
