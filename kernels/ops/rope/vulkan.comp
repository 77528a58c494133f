// One head of one token by each workgroup.

void main() {
    uint token = gl_WorkGroupID.x, head = gl_WorkGroupID.y, width = D / heads, first = token * D + head * width, half_width = rotary / 2;
    uint variant = switch_length > 0 && planned_length(sequence_of(token)) > switch_length ? 1 : 0;
    int position = positions_at(token);
    for (uint k = gl_LocalInvocationIndex; k < width; k += THREADS) {
        if (k < offset || k >= offset + rotary) y_put(first + k, x_at(first + k));
    }
    for (uint k = gl_LocalInvocationIndex; k < half_width; k += THREADS) {
        vec2 t = hadal_rotation(position, inv_freq_at(variant, k)) * scale;
        uint i = first + offset + (layout_ == 0 ? k : 2 * k), j = first + offset + (layout_ == 0 ? k + half_width : 2 * k + 1);
        float a = x_at(i), b = x_at(j);
        y_put(i, a * t.x - b * t.y);
        y_put(j, b * t.x + a * t.y);
    }
}
