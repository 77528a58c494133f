// y = a + b.
void main() {
    uint row = gl_WorkGroupID.y, column = gl_GlobalInvocationID.x;
    if (column >= D) return;
    uint i = row * D + column;
    y_put(i, a_at(i) + b_at(i));
}
