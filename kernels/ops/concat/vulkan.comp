// One part of a row. Dispatched once for each part.
void main() {
    uint row = gl_WorkGroupID.y, column = gl_GlobalInvocationID.x;
    if (column < D) y_put(row * part_total + part_offset + column, parts_at(row * D + column));
}
