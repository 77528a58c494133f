// One head of one token by each workgroup.

// cos and sin of position * frequency. The angle may be thousands of turns: its turns are counted in two floats, so that what is
// left of them is as exact as for a small angle.
vec2 turn(float position, float frequency) {
    precise float high = frequency * 0.15915494;
    precise float low = fma(frequency, 0.15915494, -high) + frequency * 4.2e-10;
    precise float turns = position * high;
    precise float rest = fma(position, high, -turns) + position * low;
    float angle = 6.2831853 * ((turns - round(turns)) + rest);
    return vec2(cos(angle), sin(angle)) * scale;
}

void main() {
    uint token = gl_WorkGroupID.x, head = gl_WorkGroupID.y, width = D / heads, first = token * D + head * width, half_width = rotary / 2;
    uint variant = switch_length > 0 && planned_length(sequence_of(token)) > switch_length ? 1 : 0;
    float position = float(positions_at(token));
    for (uint k = gl_LocalInvocationIndex; k < width; k += THREADS) {
        if (k < offset || k >= offset + rotary) y_put(first + k, x_at(first + k));
    }
    for (uint k = gl_LocalInvocationIndex; k < half_width; k += THREADS) {
        vec2 t = turn(position, inv_freq_at(variant, k));
        uint i = first + offset + (layout_ == 0 ? k : 2 * k), j = first + offset + (layout_ == 0 ? k + half_width : 2 * k + 1);
        float a = x_at(i), b = x_at(j);
        y_put(i, a * t.x - b * t.y);
        y_put(j, b * t.x + a * t.y);
    }
}
