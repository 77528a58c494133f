// y = activation(gate) * (up + up_offset).
void main() {
    uint row = gl_WorkGroupID.y, column = gl_GlobalInvocationID.x;
    if (column >= D) return;
    uint i = row * D + column;
    float g = gate_at(i), u = up_at(i);
    if (limit > 0.0) {
        g = min(g, limit);
        u = clamp(u, -limit, limit);
    }
    y_put(i, hadal_gate(activation, g, alpha) * (u + up_offset));
}
