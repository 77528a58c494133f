// One slice of every part of a row. Dispatched once for each slice.
void main() {
    uint row = gl_WorkGroupID.y, column = gl_GlobalInvocationID.x;
    uint width = part_width / groups, group = column / width, from = row * D + group * (D / groups) + part_offset / groups;
    if (column < part_width) parts_put(row * part_width + column, x_at(from + column % width));
}
