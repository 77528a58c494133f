// Products of quantised weights in whole numbers: for kernels of forms with the feature integer-dot.
//
// A chunk is thirty-two weights of a row whose codes lie together: four words for sixteen columns, four words for another sixteen. What meets
// them is quantised to fifteen bits, so that nothing is lost that a float16 would have kept: x = step * (128 * high + low).
#if defined(FEATURE_integer_dot)

// OpSDot on four signed bytes a word, spelled out because older compilers lack the extension's own name.
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6018, 6019], id = 4450)
int hadal_packed_dot(uint a, uint b, spirv_literal int format);

int hadal_dot(uvec4 a, uvec4 b) {
    return hadal_packed_dot(a.x, b.x, 0) + hadal_packed_dot(a.y, b.y, 0) + hadal_packed_dot(a.z, b.z, 0) + hadal_packed_dot(a.w, b.w, 0);
}

// A weight is scale * code + offset: x for the first sixteen, y for the others. `groups` says which sixteen columns of the row they are.
struct HadalChunk {
    uvec4 first;
    uvec4 second;
    vec2 scale;
    vec2 offset;
    uvec2 groups;
};

uvec4 hadal_words4(HadalWords words, uint first) { return uvec4(words.at[first], words.at[first + 1], words.at[first + 2], words.at[first + 3]); }

// The lowest four bits to the lowest bit of a byte each.
uint hadal_spread(uint bits) { return ((bits & 15u) * 0x00204081u) & 0x01010101u; }
uvec4 hadal_spread4(uint bits) { return uvec4(hadal_spread(bits), hadal_spread(bits >> 4), hadal_spread(bits >> 8), hadal_spread(bits >> 12)); }

// ---- blocks of 32 -----------------------------------------------------------------------------------------------------

HadalChunk hadal_nibbles(uvec4 q, uint chunk, float scale, float offset) {
    return HadalChunk(q & 0x0F0F0F0Fu, (q >> 4) & 0x0F0F0F0Fu, vec2(scale), vec2(offset), uvec2(2 * chunk, 2 * chunk + 1));
}

HadalChunk hadal_chunk_q4_0(HadalWords words, HadalQuads quads, uint payload, uint side, uint chunk) {
    float d = hadal_half(side);
    return hadal_nibbles(quads.at[payload >> 2], chunk, d, -8.0 * d);
}

HadalChunk hadal_chunk_q4_1(HadalWords words, HadalQuads quads, uint payload, uint side, uint chunk) {
    vec2 dm = unpackHalf2x16(words.at[payload]);
    return hadal_nibbles(hadal_words4(words, payload + 1), chunk, dm.x, dm.y);
}

HadalChunk hadal_fifth_bits(HadalChunk chunk, uint bits) {
    chunk.first |= hadal_spread4(bits) << 4;
    chunk.second |= hadal_spread4(bits >> 16) << 4;
    return chunk;
}

HadalChunk hadal_chunk_q5_0(HadalWords words, HadalQuads quads, uint payload, uint side, uint chunk) {
    float d = hadal_half(side);
    return hadal_fifth_bits(hadal_nibbles(hadal_words4(words, payload + 1), chunk, d, -16.0 * d), words.at[payload]);
}

HadalChunk hadal_chunk_q5_1(HadalWords words, HadalQuads quads, uint payload, uint side, uint chunk) {
    vec2 dm = unpackHalf2x16(words.at[payload]);
    return hadal_fifth_bits(hadal_nibbles(hadal_words4(words, payload + 2), chunk, dm.x, dm.y), words.at[payload + 1]);
}

HadalChunk hadal_chunk_q8_0(HadalWords words, HadalQuads quads, uint payload, uint side, uint chunk) {
    return HadalChunk(quads.at[payload >> 2], quads.at[(payload >> 2) + 1], vec2(hadal_half(side)), vec2(0), uvec2(2 * chunk, 2 * chunk + 1));
}

// ---- blocks of 256: eight chunks --------------------------------------------------------------------------------------

// Scales and minima of the two parts of sixty-four columns; `head` is a block's first quad.
void hadal_k_scales(uvec4 head, uint pair, out vec2 scale, out vec2 offset) {
    uvec3 s = uvec3(head.y, head.z, head.w) >> (16 * (pair & 1u));
    uvec2 scales, minima;
    if (pair < 2) {
        scales = uvec2(s.x, s.x >> 8) & 63u;
        minima = uvec2(s.y, s.y >> 8) & 63u;
    } else {
        scales = (uvec2(s.z, s.z >> 8) & 15u) | (uvec2(s.x >> 2, s.x >> 10) & 48u);
        minima = (uvec2(s.z >> 4, s.z >> 12) & 15u) | (uvec2(s.y >> 2, s.y >> 10) & 48u);
    }
    vec2 dm = unpackHalf2x16(head.x);
    scale = dm.x * vec2(scales);
    offset = -dm.y * vec2(minima);
}

HadalChunk hadal_chunk_q4_k(HadalWords words, HadalQuads quads, uint payload, uint side, uint chunk) {
    uint first = payload >> 2, pair = (chunk >> 1) & 3u, half_pair = chunk & 1u, group = 16 * (chunk >> 3) + 4 * pair + half_pair;
    uvec4 q = quads.at[first + 1 + 2 * pair + half_pair];
    HadalChunk result;
    hadal_k_scales(quads.at[first], pair, result.scale, result.offset);
    result.first = q & 0x0F0F0F0Fu;
    result.second = (q >> 4) & 0x0F0F0F0Fu;
    result.groups = uvec2(group, group + 2);
    return result;
}

HadalChunk hadal_chunk_q5_k(HadalWords words, HadalQuads quads, uint payload, uint side, uint chunk) {
    uint first = payload >> 2, pair = (chunk >> 1) & 3u, half_pair = chunk & 1u, group = 16 * (chunk >> 3) + 4 * pair + half_pair;
    uvec4 q = quads.at[first + 3 + 2 * pair + half_pair], h = quads.at[first + 1 + half_pair] >> (2 * pair);
    HadalChunk result;
    hadal_k_scales(quads.at[first], pair, result.scale, result.offset);
    result.first = (q & 0x0F0F0F0Fu) | (h & 0x01010101u) << 4;
    result.second = ((q >> 4) & 0x0F0F0F0Fu) | (h & 0x02020202u) << 3;
    result.groups = uvec2(group, group + 2);
    return result;
}

HadalChunk hadal_chunk_q6_k(HadalWords words, HadalQuads quads, uint payload, uint side, uint chunk) {
    uint first = payload >> 2, half_block = (chunk >> 2) & 1u, r = chunk & 3u, group = 16 * (chunk >> 3) + 8 * half_block + r;
    uvec4 q = quads.at[first + 4 * half_block + r], h = quads.at[first + 8 + 2 * half_block + (r & 1u)] >> (2 * (r >> 1));
    uint scales = payload + 48 + 2 * half_block;
    HadalChunk result;
    result.first = (q & 0x0F0F0F0Fu) | (h & 0x03030303u) << 4;
    result.second = ((q >> 4) & 0x0F0F0F0Fu) | (h & 0x30303030u);
    result.scale = hadal_half(side) * vec2(hadal_signed_byte(words.at[scales], r), hadal_signed_byte(words.at[scales + 1], r));
    result.offset = -32.0 * result.scale;
    result.groups = uvec2(group, group + 4);
    return result;
}

// ---- what meets them --------------------------------------------------------------------------------------------------

// Sixteen columns: their codes, and the step and the sum of the values.
struct HadalGroup {
    uvec4 high;
    uvec4 low;
    vec2 numbers;
};

uint hadal_pack(ivec4 bytes) {
    uvec4 b = uvec4(bytes) & 255u;
    return b.x | b.y << 8 | b.z << 16 | b.w << 24;
}

HadalGroup hadal_quantise(vec4 a, vec4 b, vec4 c, vec4 d) {
    vec4 m = max(max(abs(a), abs(b)), max(abs(c), abs(d)));
    float most = max(max(m.x, m.y), max(m.z, m.w)), step = most / 16256.0, inverse = most > 0.0 ? 16256.0 / most : 0.0;
    vec4 parts[4] = vec4[](a, b, c, d);
    HadalGroup group;
    ivec4 total = ivec4(0);
    [[unroll]] for (uint i = 0; i < 4; i++) {
        ivec4 v = ivec4(round(parts[i] * inverse)), high = (v + 64) >> 7;
        total += v;
        group.high[i] = hadal_pack(high);
        group.low[i] = hadal_pack(v - 128 * high);
    }
    // A number that is none, or an infinite one, makes every result that it meets one, too.
    vec4 all = (a + b) + (c + d);
    float sum = (all.x + all.y) + (all.z + all.w);
    group.numbers = vec2(step, isnan(sum) || isinf(sum) ? sum - sum : step * float(total.x + total.y + total.z + total.w));
    if (isnan(sum) || isinf(sum)) group.numbers.x = group.numbers.y;
    return group;
}

float hadal_product(uvec4 codes, uvec4 high, uvec4 low, vec2 numbers, float scale, float offset) {
    return scale * numbers.x * float(128 * hadal_dot(codes, high) + hadal_dot(codes, low)) + offset * numbers.y;
}
#endif
