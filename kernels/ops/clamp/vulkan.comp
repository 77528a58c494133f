// y = x, kept between minimum and maximum.
void main() {
    uint row = gl_WorkGroupID.y, column = gl_GlobalInvocationID.x;
    if (column >= D) return;
    uint i = row * D + column;
    y_put(i, min(max(x_at(i), minimum), maximum));
}
