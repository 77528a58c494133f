// One slice of a row. Dispatched once for each slice.
void main() {
    uint row = gl_WorkGroupID.y, column = gl_GlobalInvocationID.x;
    if (column < part_width) parts_put(row * part_width + column, x_at(row * D + part_offset + column));
}
