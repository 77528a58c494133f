void main() {
    uint row = gl_WorkGroupID.y, column = gl_GlobalInvocationID.x;
    if (column >= D) return;
    uint i = row * D + column;
    float g = max(gate_at(i), 0.0);
    y_put(i, g * g * up_at(i));
}
