/*
 * A complete Hadal plugin in C: five ops on float32 host memory, on one thread. A start to copy from.
 *
 *     cc -O2 -shared -fPIC -I <folder of hadal_plugin.h> hadal_example.c -o libhadal-example.so -lm
 *     hadal plugin check ./libhadal-example.so
 *
 * It shows what every plugin does: answer the query, publish an option, open a device, say which nodes it can run and why not,
 * compile a segment of many nodes with symbolic dims, run it without allocating, report a trace, and fail with error objects.
 * Everything but hadal_plugin_query is static, so that nothing else is exported.
 */
#define _POSIX_C_SOURCE 200809L
#include "hadal_plugin.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- errors ---------------------------------------------------------------------------------------------------- */

/* The error and its text in one block, so that releasing it is one free. */
struct example_error {
    hadal_error error;
    char message[256];
    char op[32];
    char tensor[128];
};

static void release_error(hadal_error *error) { free(error); }

static void keep_error(hadal_error *error) { (void)error; }

static hadal_error *fail(int32_t code, const char *op, const char *tensor, const char *format, ...) {
    static hadal_error exhausted = {
        sizeof(hadal_error), HADAL_ERROR_OUT_OF_MEMORY, "no memory to describe an error", NULL, NULL, 0, 0, keep_error};
    struct example_error *object = calloc(1, sizeof *object);
    va_list arguments;
    if (object == NULL) return &exhausted;
    object->error.size = sizeof object->error;
    object->error.code = code;
    object->error.message = object->message;
    object->error.release = release_error;
    va_start(arguments, format);
    vsnprintf(object->message, sizeof object->message, format, arguments);
    va_end(arguments);
    if (op != NULL) {
        snprintf(object->op, sizeof object->op, "%s", op);
        object->error.op = object->op;
    }
    if (tensor != NULL) {
        snprintf(object->tensor, sizeof object->tensor, "%s", tensor);
        object->error.tensor = object->tensor;
    }
    return &object->error;
}

static hadal_error *out_of_memory(const char *what, uint64_t bytes) {
    hadal_error *error = fail(HADAL_ERROR_OUT_OF_MEMORY, NULL, NULL, "no memory for %s", what);
    error->bytes_wanted = bytes;
    return error;
}

/* ---- devices --------------------------------------------------------------------------------------------------- */

struct hadal_device {
    const hadal_host *host;
    int wide; /* sums in double */
};

static const uint32_t weight_dtypes[] = {HADAL_DTYPE_F32};
static const char *const precisions[] = {"double", "single"};

static const hadal_option_spec options[] = {{
    sizeof(hadal_option_spec), HADAL_OPTION_STRING, "accumulate", "in what precision sums are made", 0, 0, "double", 0, 2, 0, 0, precisions}};

/* Only what lies within the size that the host has set may be written: it may be older or newer than this file. */
static hadal_error *list_devices(void *context, hadal_device_info *devices, uint32_t stride, uint32_t capacity, uint32_t *count) {
    hadal_device_info info;
    (void)context, (void)stride;
    *count = 1;
    if (capacity == 0 || devices == NULL) return NULL;
    memset(&info, 0, sizeof info);
    info.size = devices->size;
    info.kind = HADAL_DEVICE_CPU;
    info.id = "host";
    info.name = "one thread of the host";
    info.dtype_count = 1;
    info.dtypes = weight_dtypes;
    memcpy(devices, &info, info.size < sizeof info ? info.size : sizeof info);
    return NULL;
}

static hadal_error *open_device(void *context, uint32_t index, const hadal_host *host, const hadal_option *values, uint32_t stride,
                                uint32_t count, hadal_device **device) {
    hadal_device *opened;
    uint32_t i;
    (void)context;
    if (index != 0) return fail(HADAL_ERROR_NOT_FOUND, NULL, NULL, "there is one device, number 0, not %u", (unsigned)index);
    opened = calloc(1, sizeof *opened);
    if (opened == NULL) return out_of_memory("a device", sizeof *opened);
    opened->host = host;
    opened->wide = 1;
    for (i = 0; i < count; i++) {
        const hadal_option *option = HADAL_AT(hadal_option, values, stride, i);
        if (strcmp(option->name, "accumulate") == 0) opened->wide = strcmp(option->string_value, "double") == 0;
    }
    if (host->log != NULL) host->log(host->context, HADAL_LOG_DEBUG, opened->wide ? "sums in double" : "sums in single");
    *device = opened;
    return NULL;
}

static void close_device(hadal_device *device) { free(device); }

/* ---- what a node needs ------------------------------------------------------------------------------------------- */

static const hadal_value *value_at(const hadal_segment *segment, uint32_t index) {
    return HADAL_AT(hadal_value, segment->values, segment->value_stride, index);
}

static const hadal_weight *weight_at(const hadal_segment *segment, uint32_t index) {
    return HADAL_AT(hadal_weight, segment->weights, segment->weight_stride, index);
}

static const hadal_node *node_at(const hadal_segment *segment, uint32_t index) {
    return HADAL_AT(hadal_node, segment->nodes, segment->node_stride, index);
}

static const hadal_attribute *attribute_of(const hadal_segment *segment, const hadal_node *node, const char *name) {
    uint32_t i;
    for (i = 0; i < node->attribute_count; i++) {
        const hadal_attribute *attribute = HADAL_AT(hadal_attribute, node->attributes, segment->attribute_stride, i);
        if (strcmp(attribute->name, name) == 0) return attribute;
    }
    return NULL;
}

enum op { OP_ADD, OP_MUL, OP_SCALE, OP_RMS_NORM, OP_LINEAR, OP_COUNT };

static const char *const op_names[OP_COUNT] = {"add", "mul", "scale", "rms_norm", "linear"};

static int op_of(const char *name) {
    int op;
    for (op = 0; op < OP_COUNT; op++) {
        if (strcmp(name, op_names[op]) == 0) return op;
    }
    return -1;
}

/* Whether an add or mul has two operands, both values, of one width. */
static int has_equal_operands(const hadal_segment *segment, const hadal_node *node) {
    const hadal_value *a, *b;
    uint32_t i;
    for (i = 0; i < node->input_count; i++)
        if (node->inputs[i].kind != (i < 2 ? HADAL_OPERAND_VALUE : HADAL_OPERAND_NONE)) return 0;
    if (node->input_count < 2) return 0;
    a = value_at(segment, node->inputs[0].index);
    b = value_at(segment, node->inputs[1].index);
    return a->rank == b->rank && a->dims[a->rank - 1].extent == b->dims[b->rank - 1].extent;
}

static uint32_t supports(hadal_device *device, const hadal_segment *segment, uint32_t index, char *reason, uint32_t capacity) {
    const hadal_node *node = node_at(segment, index);
    uint32_t i;
    (void)device;
    if (op_of(node->op) < 0) {
        snprintf(reason, capacity, "op %s is not implemented", node->op);
        return HADAL_SUPPORT_NO;
    }
    for (i = 0; i < node->input_count; i++) {
        const hadal_operand operand = node->inputs[i];
        if (operand.kind == HADAL_OPERAND_VALUE && value_at(segment, operand.index)->dtype != HADAL_DTYPE_F32) {
            snprintf(reason, capacity, "%s: only float32 activations", node->op);
            return HADAL_SUPPORT_NO;
        }
        if (operand.kind == HADAL_OPERAND_WEIGHT && weight_at(segment, operand.index)->dtype != HADAL_DTYPE_F32) {
            snprintf(reason, capacity, "%s: only float32 weights", node->op);
            return HADAL_SUPPORT_NO;
        }
    }
    if ((op_of(node->op) == OP_ADD || op_of(node->op) == OP_MUL) && !has_equal_operands(segment, node)) {
        snprintf(reason, capacity, "%s: only of two values of one width", node->op);
        return HADAL_SUPPORT_NO;
    }
    return HADAL_SUPPORT_YES;
}

/* ---- compiling --------------------------------------------------------------------------------------------------- */

/* Where a value lives during a step: bound by the host, or in scratch memory. */
struct place {
    uint32_t rank;
    hadal_dim dims[HADAL_MAX_DIMS];
    int64_t input, output; /* index of the binding, or -1 */
    float *scratch;
    float *data;           /* set at the start of each step */
};

struct step_node {
    enum op op;
    uint32_t x, other, y;  /* value indices; `other` is the second operand of add and mul */
    const float *weight, *bias;
    double number;         /* scale's factor, rms_norm's eps */
    int64_t groups;
    int64_t weight_columns;
};

struct hadal_executable {
    hadal_device *device;
    uint32_t node_count, value_count, output_count;
    struct step_node *nodes;
    struct place *places;
    uint32_t *outputs;
    uint64_t scratch_bytes;
};

static int64_t extent_of(const hadal_dim *dim, const hadal_step *step) {
    switch (dim->symbol) {
    case HADAL_SYMBOL_TOKENS: return step->tokens;
    case HADAL_SYMBOL_SEQUENCES: return step->sequence_count;
    case HADAL_SYMBOL_ROWS: return step->rows;
    default: return dim->extent;
    }
}

/* Elements of a value at its upper bounds, or -1 when there are too many. */
static int64_t elements_at_most(const struct place *place) {
    int64_t count = 1;
    uint32_t i;
    for (i = 0; i < place->rank; i++) {
        int64_t extent = place->dims[i].extent;
        if (extent < 0 || (extent > 0 && count > INT64_MAX / (int64_t)sizeof(float) / extent)) return -1;
        count *= extent;
    }
    return count;
}

static void executable_release(hadal_executable *executable) {
    uint32_t i;
    if (executable == NULL) return;
    for (i = 0; executable->places != NULL && i < executable->value_count; i++) free(executable->places[i].scratch);
    free(executable->places);
    free(executable->nodes);
    free(executable->outputs);
    free(executable);
}

static hadal_error *compile_node(const hadal_segment *segment, const hadal_node *node, struct step_node *to) {
    const hadal_attribute *attribute;
    uint32_t i;
    to->op = (enum op)op_of(node->op);
    to->groups = 1;
    for (i = 0; i < node->input_count; i++) {
        const hadal_operand operand = node->inputs[i];
        if (operand.kind == HADAL_OPERAND_VALUE) {
            if (i == 0) to->x = operand.index;
            else to->other = operand.index;
        } else if (operand.kind == HADAL_OPERAND_WEIGHT) {
            const hadal_weight *weight = weight_at(segment, operand.index);
            if (weight->data == NULL) return fail(HADAL_ERROR_INVALID_ARGUMENT, node->op, weight->name, "the weight has no data");
            if (i == 1) {
                to->weight = weight->data;
                to->weight_columns = weight->dims[weight->rank - 1];
            } else {
                to->bias = weight->data;
            }
        }
    }
    to->y = node->outputs[0];
    if (to->op == OP_SCALE && (attribute = attribute_of(segment, node, "factor")) != NULL) to->number = attribute->float_value;
    if (to->op == OP_RMS_NORM) {
        if ((attribute = attribute_of(segment, node, "eps")) != NULL) to->number = attribute->float_value;
        if ((attribute = attribute_of(segment, node, "groups")) != NULL) to->groups = attribute->int_value;
    }
    return NULL;
}

static hadal_error *place_values(const hadal_segment *segment, hadal_executable *executable) {
    uint32_t i;
    for (i = 0; i < segment->value_count; i++) {
        const hadal_value *value = value_at(segment, i);
        executable->places[i].rank = value->rank;
        memcpy(executable->places[i].dims, value->dims, sizeof value->dims);
        executable->places[i].input = executable->places[i].output = -1;
    }
    for (i = 0; i < segment->input_count; i++) executable->places[segment->inputs[i]].input = i;
    for (i = 0; i < segment->output_count; i++) {
        struct place *place = &executable->places[segment->outputs[i]];
        executable->outputs[i] = segment->outputs[i];
        if (place->input < 0 && place->output < 0) place->output = i;
    }
    for (i = 0; i < segment->value_count; i++) {
        struct place *place = &executable->places[i];
        int64_t count = elements_at_most(place);
        if (count < 0) return fail(HADAL_ERROR_LIMIT, NULL, value_at(segment, i)->name, "the value is too large");
        if (place->input >= 0 || place->output >= 0) continue;
        place->scratch = malloc((size_t)(count > 0 ? count : 1) * sizeof(float));
        if (place->scratch == NULL) return out_of_memory("an activation", (uint64_t)count * sizeof(float));
        executable->scratch_bytes += (uint64_t)count * sizeof(float);
    }
    return NULL;
}

static hadal_error *compile(hadal_device *device, const hadal_segment *segment, hadal_executable **result) {
    hadal_executable *executable = calloc(1, sizeof *executable);
    hadal_error *error = NULL;
    uint32_t i;
    if (executable == NULL) return out_of_memory("an executable", sizeof *executable);
    executable->device = device;
    executable->node_count = segment->node_count;
    executable->value_count = segment->value_count;
    executable->output_count = segment->output_count;
    /* One more than needed: calloc of nothing may give NULL. */
    executable->nodes = calloc((size_t)segment->node_count + 1, sizeof *executable->nodes);
    executable->places = calloc((size_t)segment->value_count + 1, sizeof *executable->places);
    executable->outputs = calloc((size_t)segment->output_count + 1, sizeof *executable->outputs);
    if (executable->nodes == NULL || executable->places == NULL || executable->outputs == NULL) {
        error = out_of_memory("an executable", 0);
    }
    for (i = 0; error == NULL && i < segment->node_count; i++) {
        char reason[128];
        const hadal_node *node = node_at(segment, i);
        if (supports(device, segment, i, reason, sizeof reason) != HADAL_SUPPORT_YES) {
            error = fail(HADAL_ERROR_UNSUPPORTED, node->op, NULL, "%s: %s", node->label, reason);
        } else {
            error = compile_node(segment, node, &executable->nodes[i]);
        }
    }
    if (error == NULL) error = place_values(segment, executable);
    if (error != NULL) {
        executable_release(executable);
        return error;
    }
    *result = executable;
    return NULL;
}

static hadal_error *executable_info(hadal_executable *executable, hadal_executable_info *info) {
    hadal_executable_info own;
    memset(&own, 0, sizeof own);
    own.size = info->size;
    own.keeps_weights = 1;
    own.scratch_bytes = executable->scratch_bytes;
    memcpy(info, &own, own.size < sizeof own ? own.size : sizeof own);
    return NULL;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static double dot(const float *a, const float *b, int64_t count, int wide) {
    int64_t i;
    if (wide) {
        double sum = 0;
        for (i = 0; i < count; i++) sum += (double)a[i] * b[i];
        return sum;
    } else {
        float sum = 0;
        for (i = 0; i < count; i++) sum += a[i] * b[i];
        return sum;
    }
}

/* Rows and the length of a row: all dims but the last, and the last. */
static void shape_of(const struct place *place, const hadal_step *step, int64_t *rows, int64_t *width) {
    uint32_t i;
    *rows = 1;
    *width = 1;
    for (i = 0; i + 1 < place->rank; i++) *rows *= extent_of(&place->dims[i], step);
    if (place->rank > 0) *width = extent_of(&place->dims[place->rank - 1], step);
}

static void run_node(const hadal_executable *executable, const struct step_node *node, const hadal_step *step) {
    const struct place *x_place = &executable->places[node->x], *y_place = &executable->places[node->y];
    const int wide = executable->device->wide;
    const float *x = x_place->data, *other = executable->places[node->other].data;
    float *y = y_place->data;
    int64_t rows, width, out_width, i, row, group;
    shape_of(y_place, step, &rows, &out_width);
    shape_of(x_place, step, &rows, &width);
    switch (node->op) {
    case OP_ADD:
        for (i = 0; i < rows * width; i++) y[i] = x[i] + other[i];
        break;
    case OP_MUL:
        for (i = 0; i < rows * width; i++) y[i] = x[i] * other[i];
        break;
    case OP_SCALE:
        for (i = 0; i < rows * width; i++) y[i] = (float)(node->number * x[i]);
        break;
    case OP_RMS_NORM: {
        /* Each of `groups` equal slices of a row is normalised by itself; they share the weight, or each has its own. */
        const int64_t slice = width / node->groups;
        for (group = 0; group < rows * node->groups; group++) {
            const float *from = x + group * slice;
            float *to = y + group * slice;
            const float *weight = node->weight_columns > slice ? node->weight + group % node->groups * slice : node->weight;
            const double mean = slice > 0 ? dot(from, from, slice, wide) / (double)slice : 0;
            const double factor = 1 / sqrt(mean + node->number);
            for (i = 0; i < slice; i++) to[i] = (float)(from[i] * factor * (weight != NULL ? weight[i] : 1.0f));
        }
        break;
    }
    case OP_LINEAR:
        for (row = 0; row < rows; row++) {
            for (i = 0; i < out_width; i++) {
                const double sum = dot(x + row * width, node->weight + i * width, width, wide);
                y[row * out_width + i] = (float)(sum + (node->bias != NULL ? node->bias[i] : 0.0f));
            }
        }
        break;
    case OP_COUNT: break;
    }
}

static hadal_error *bind(const hadal_binding *binding, const struct place *place, const hadal_step *step, float **data) {
    int64_t rows, width;
    shape_of(place, step, &rows, &width);
    if (binding->host == NULL) return fail(HADAL_ERROR_INVALID_ARGUMENT, NULL, NULL, "a binding without host memory");
    if (binding->bytes / sizeof(float) < (uint64_t)(rows * width)) {
        return fail(HADAL_ERROR_MISMATCH, NULL, NULL, "a binding of %llu bytes for %lld x %lld numbers",
                    (unsigned long long)binding->bytes, (long long)rows, (long long)width);
    }
    *data = (float *)(void *)((char *)binding->host + binding->offset);
    return NULL;
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Allocates nothing: every step of a conversation comes through here. */
static hadal_error *execute(hadal_executable *executable, const hadal_execution *execution) {
    const hadal_step *step = execution->step;
    hadal_error *error;
    uint32_t i;
    for (i = 0; i < executable->value_count; i++) {
        struct place *place = &executable->places[i];
        uint32_t d;
        for (d = 0; d < place->rank; d++) {
            if (extent_of(&place->dims[d], step) > place->dims[d].extent) {
                return fail(HADAL_ERROR_LIMIT, NULL, NULL, "the step is larger than the bounds that were compiled");
            }
        }
        place->data = place->scratch;
        error = NULL;
        if (place->input >= 0) error = bind(&execution->inputs[place->input], place, step, &place->data);
        else if (place->output >= 0) error = bind(&execution->outputs[place->output], place, step, &place->data);
        if (error != NULL) return error;
    }
    for (i = 0; i < executable->node_count; i++) {
        const uint64_t start = execution->trace != NULL ? now() : 0;
        if (execution->cancel != NULL && *execution->cancel != 0) return fail(HADAL_ERROR_CANCELLED, NULL, NULL, "cancelled");
        run_node(executable, &executable->nodes[i], step);
        if (execution->trace != NULL) {
            hadal_trace_event event = {sizeof event, i, start, now() - start, 0};
            execution->trace(execution->trace_context, &event);
        }
    }
    /* Outputs that are inputs too, or that are wanted twice, were not written in place. */
    for (i = 0; i < executable->output_count; i++) {
        const struct place *place = &executable->places[executable->outputs[i]];
        int64_t rows, width;
        float *to = NULL;
        if (place->output == (int64_t)i) continue;
        shape_of(place, step, &rows, &width);
        error = bind(&execution->outputs[i], place, step, &to);
        if (error != NULL) return error;
        memmove(to, place->data, (size_t)(rows * width) * sizeof(float));
    }
    return NULL;
}

/* ---- the table ---------------------------------------------------------------------------------------------------- */

static const hadal_plugin plugin = {
    .size = sizeof(hadal_plugin),
    .option_stride = sizeof(hadal_option_spec),
    .capabilities = HADAL_CAPABILITY_TRACE | HADAL_CAPABILITY_MULTI_NODE | HADAL_CAPABILITY_MULTI_SEQUENCE |
                    HADAL_CAPABILITY_SYMBOLIC_DIMS,
    .name = "example",
    .version = "1.0",
    .description = "an example to copy: five ops in plain C",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .list_devices = list_devices,
    .open_device = open_device,
    .close_device = close_device,
    .supports = supports,
    .compile = compile,
    .executable_release = executable_release,
    .executable_info = executable_info,
    .execute = execute,
    /* No thread to join and no memory of its own: quiesce and the buffer functions stay NULL. */
};

HADAL_EXPORT void hadal_plugin_query(hadal_query *query);

HADAL_EXPORT void hadal_plugin_query(hadal_query *query) {
    query->plugin_abi_minimum = 1;
    query->plugin_abi_maximum = HADAL_ABI_VERSION;
    query->abi_version = 0;
    query->plugin = NULL;
    if (query->host_abi_maximum < 1 || query->host_abi_minimum > HADAL_ABI_VERSION) return;
    query->abi_version = query->host_abi_maximum < HADAL_ABI_VERSION ? query->host_abi_maximum : HADAL_ABI_VERSION;
    query->plugin = &plugin;
}
