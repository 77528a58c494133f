// y = a * b * weight, what is absent left out; an element of b or of the weight may be for several columns.
void main() {
    uint row = gl_WorkGroupID.y, column = gl_GlobalInvocationID.x;
    if (column >= D) return;
    uint i = row * D + column;
    float v = a_at(i);
#if has_b
    v *= W == D ? b_at(i) : b_at(row * W + column / (D / W));
#endif
#if has_weight
    v *= weight_at(column / (D / V));
#endif
    y_put(i, v);
}
