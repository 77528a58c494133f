// Columns of a row, from `from` on.
void main() {
    uint row = gl_WorkGroupID.y, column = gl_GlobalInvocationID.x;
    if (column < width) y_put(row * width + column, x_at(row * D + from + column));
}
