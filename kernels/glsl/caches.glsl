// Caches in blocks, for kernels whose states may have them.
// A row of a Q8_0 cache is blocks of 34 bytes, a float16 scale and 32 signed bytes, then zeros up to a whole word. Elements count as if rows
// were `padded` elements long, a multiple of 32.

uint hadal_q8_row_words(uint padded) { return (padded / 32 * 34 + 3) / 4; }

// Four elements from i on, a multiple of 4.
vec4 hadal_q8_at4(HadalWords cache, uint i, uint padded) {
    uint first = i / padded * hadal_q8_row_words(padded), column = i % padded;
    uint block = column / 32 * 34, place = block + 2 + column % 32, word = first + place / 4;
    float scale = hadal_half(cache.at[first + block / 4] >> (8 * (block & 2u)));
    // Every other block lies across words.
    int four = int((place & 2u) == 0 ? cache.at[word] : cache.at[word] >> 16 | cache.at[word + 1] << 16);
    return scale * vec4(bitfieldExtract(four, 0, 8), bitfieldExtract(four, 8, 8), bitfieldExtract(four, 16, 8), bitfieldExtract(four, 24, 8));
}
float hadal_q8_at(HadalWords cache, uint i, uint padded) { return hadal_q8_at4(cache, i & ~3u, padded)[i & 3u]; }
vec2 hadal_q8_at2(HadalWords cache, uint i, uint padded) {
    return vec2(hadal_q8_at(cache, i, padded), hadal_q8_at(cache, i + 1, padded));
}

// A byte, to the nearest, ties away from zero.
uint hadal_q8_byte(float x, float inverse) {
    precise float scaled = abs(x) * inverse;
    float magnitude = min(scaled, 127.0), whole = floor(magnitude);
    int code = int(magnitude - whole >= 0.5 ? whole + 1.0 : whole);
    return uint(x < 0.0 ? -code : code) & 255u;
}

// Writes 64 elements of a row from i on, a multiple of 64; zeros beyond its end. Two blocks are 17 words: one invocation writes both.
void hadal_q8_put(HadalWords cache, uint i, uint padded, float v[64]) {
    uint first = i / padded * hadal_q8_row_words(padded) + i % padded / 64 * 17, blocks = min((padded - i % padded) / 32, 2u);
    uint scales[2] = uint[](0u, 0u), codes[64];
    for (uint b = 0; b < 2; b++) {
        float most = 0.0;
        for (uint k = 0; k < 32; k++) most = max(most, abs(v[32 * b + k]));
        float scale = most / 127.0, inverse = scale > 0.0 ? 1.0 / scale : 0.0;
        if (b < blocks) scales[b] = hadal_from_half(scale);
        for (uint k = 0; k < 32; k++) codes[32 * b + k] = hadal_q8_byte(v[32 * b + k], inverse);
    }
    cache.at[first] = scales[0] | codes[0] << 16 | codes[1] << 24;
    for (uint k = 0; k < 7; k++) {
        cache.at[first + 1 + k] = codes[4 * k + 2] | codes[4 * k + 3] << 8 | codes[4 * k + 4] << 16 | codes[4 * k + 5] << 24;
    }
    cache.at[first + 8] = codes[30] | codes[31] << 8 | scales[1] << 16;
    if (blocks < 2) return;
    for (uint k = 0; k < 8; k++) {
        cache.at[first + 9 + k] = codes[4 * k + 32] | codes[4 * k + 33] << 8 | codes[4 * k + 34] << 16 | codes[4 * k + 35] << 24;
    }
}
