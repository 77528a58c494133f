// y = x * (1 + factor * ln(1 + floor((position + offset) / length))).
void main() {
    uint row = gl_WorkGroupID.y, column = gl_GlobalInvocationID.x;
    if (column >= D) return;
    uint i = row * D + column;
    float whole = float((uint(positions_at(row)) + uint(offset)) / uint(length));
    y_put(i, x_at(i) * (1.0 + factor * log(1.0 + whole)));
}
