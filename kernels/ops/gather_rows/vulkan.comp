// A row that the host has chosen.
void main() {
    uint row = gl_WorkGroupID.y, column = gl_GlobalInvocationID.x;
    if (column < D) y_put(row * D + column, x_at(uint(rows_at(row)) * D + column));
}
