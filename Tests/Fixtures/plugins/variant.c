/*
 * A plugin that breaks a rule, or lacks something, as the defines say. Its one op doubles its input.
 *
 * It fails whatever it must never be sent: symbols, traces, scales or second nodes that its capabilities rule out.
 */
#include "hadal_plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef NAME
#define NAME "variant"
#endif
#ifndef ABI_MINIMUM
#define ABI_MINIMUM 1
#endif
#ifndef ABI_MAXIMUM
#define ABI_MAXIMUM 1
#endif
#ifndef CHOSEN
#define CHOSEN 1
#endif
#ifndef CAPABILITIES
#define CAPABILITIES 0
#endif
#ifndef TABLE_SIZE
#define TABLE_SIZE sizeof(hadal_plugin)
#endif
#ifndef FAIL_CODE
#define FAIL_CODE HADAL_ERROR_INTERNAL
#endif

/* What is alive, and how often was called; read by the tests. */
HADAL_EXPORT int32_t variant_errors, variant_devices, variant_executables, variant_compiles, variant_buffers, variant_quiesced;

static void release_error(hadal_error *error) {
    variant_errors--;
    free(error);
}

static hadal_error *fail(const char *message) {
    hadal_error *error = calloc(1, sizeof *error);
    variant_errors++;
    error->size = sizeof *error;
    error->code = FAIL_CODE;
    error->message = message;
    error->op = "double";
    error->tensor = "blk.0.w";
    error->bytes_wanted = 4096;
    error->bytes_free = 17;
    error->release = release_error;
    return error;
}

struct hadal_device { const hadal_host *host; };
struct hadal_executable { uint64_t extents[2]; uint32_t rank, symbols[2]; };
struct hadal_buffer { uint64_t bytes; char *data; };

static hadal_error *list_devices(void *context, hadal_device_info *devices, uint32_t stride, uint32_t capacity, uint32_t *count) {
    (void)context;
#ifdef FAIL_list_devices
    (void)devices, (void)stride, (void)capacity, (void)count;
    return fail("no listing today");
#else
    static char ids[12][16];
    *count = 12; /* more than the host asks for at first */
    for (uint32_t i = 0; i < 12 && i < capacity; i++) {
        hadal_device_info *info = (hadal_device_info *)((char *)devices + (size_t)i * stride);
        snprintf(ids[i], sizeof ids[i], "unit-%u", (unsigned)i);
        info->kind = HADAL_DEVICE_ACCELERATOR;
        info->id = ids[i];
        info->name = "a unit";
        info->heap_count = 1;
        info->heaps[0].bytes_total = 1000 + i;
    }
    return NULL;
#endif
}

static hadal_error *open_device(void *context, uint32_t index, const hadal_host *host, const hadal_option *options, uint32_t stride,
                                uint32_t count, hadal_device **device) {
    (void)context, (void)index, (void)options, (void)stride, (void)count;
#ifdef FAIL_open_device
    (void)device;
    (void)host;
    return fail("cannot open");
#else
    variant_devices++;
    *device = calloc(1, sizeof **device);
    (*device)->host = host;
    if (host->log) host->log(host->context, HADAL_LOG_INFO, "opened");
    return NULL;
#endif
}

static void close_device(hadal_device *device) {
    variant_devices--;
    free(device);
}

static void quiesce(hadal_device *device) {
    (void)device;
    variant_quiesced++;
}

static uint32_t supports(hadal_device *device, const hadal_segment *segment, uint32_t node, char *reason, uint32_t capacity) {
    (void)device;
#ifdef REASON_WITHOUT_END
    memset(reason, 'x', capacity);
    return HADAL_SUPPORT_NO;
#endif
    if (strcmp(HADAL_AT(hadal_node, segment->nodes, segment->node_stride, node)->op, "scale") == 0) return HADAL_SUPPORT_YES;
    snprintf(reason, capacity, "only scale");
    return HADAL_SUPPORT_NO;
}

static hadal_error *compile(hadal_device *device, const hadal_segment *segment, hadal_executable **executable) {
    const hadal_value *x = HADAL_AT(hadal_value, segment->values, segment->value_stride, segment->inputs[0]);
    (void)device;
#ifdef FAIL_compile
    (void)executable;
    (void)x;
    return fail("cannot compile");
#endif
    if (!(CAPABILITIES & HADAL_CAPABILITY_MULTI_NODE) && segment->node_count != 1) return fail("sent more than one node");
    if (!(CAPABILITIES & HADAL_CAPABILITY_STATE) && segment->state_count != 0) return fail("sent state");
    for (uint32_t i = 0; i < segment->weight_count; i++) {
        const hadal_weight *weight = HADAL_AT(hadal_weight, segment->weights, segment->weight_stride, i);
        if (!(CAPABILITIES & HADAL_CAPABILITY_BLOCK_SCALES) && weight->scale) return fail("sent scales");
    }
    *executable = calloc(1, sizeof **executable);
    (*executable)->rank = x->rank;
    for (uint32_t i = 0; i < x->rank && i < 2; i++) {
        if (!(CAPABILITIES & HADAL_CAPABILITY_SYMBOLIC_DIMS) && x->dims[i].symbol) return fail("sent a symbol");
        (*executable)->extents[i] = (uint64_t)x->dims[i].extent;
        (*executable)->symbols[i] = x->dims[i].symbol;
    }
    variant_executables++;
    variant_compiles++;
    return NULL;
}

static void executable_release(hadal_executable *executable) {
    variant_executables--;
    free(executable);
}

static char *address(const hadal_binding *binding) {
    return (binding->buffer ? binding->buffer->data : (char *)binding->host) + binding->offset;
}

static hadal_error *execute(hadal_executable *executable, const hadal_execution *execution) {
    uint64_t count = 1;
#ifdef FAIL_execute
    return fail("cannot run");
#endif
    if (!(CAPABILITIES & HADAL_CAPABILITY_TRACE) && execution->trace) return fail("sent a trace");
    if (!(CAPABILITIES & HADAL_CAPABILITY_MULTI_SEQUENCE) && execution->step->sequence_count > 1) return fail("sent sequences");
    for (uint32_t i = 0; i < executable->rank; i++) {
        count *= executable->symbols[i] == HADAL_SYMBOL_TOKENS ? execution->step->tokens : executable->extents[i];
    }
    const float *x = (const float *)(void *)address(&execution->inputs[0]);
    float *y = (float *)(void *)address(&execution->outputs[0]);
    for (uint64_t i = 0; i < count; i++) y[i] = 2 * x[i];
    if (execution->trace) {
        hadal_trace_event event = {sizeof event, 0, 1, 2, 3};
        execution->trace(execution->trace_context, &event);
    }
    return NULL;
}

#ifdef BUFFERS
static hadal_error *buffer_allocate(hadal_device *device, uint64_t bytes, hadal_buffer **buffer) {
    (void)device;
#ifdef FAIL_buffer_allocate
    (void)bytes, (void)buffer;
    return fail("the card is full");
#else
    variant_buffers++;
    *buffer = calloc(1, sizeof **buffer);
    (*buffer)->bytes = bytes;
    (*buffer)->data = calloc(1, bytes + 1);
    return NULL;
#endif
}
static void buffer_release(hadal_buffer *buffer) {
    variant_buffers--;
    free(buffer->data);
    free(buffer);
}
static hadal_error *buffer_write(hadal_buffer *buffer, uint64_t offset, const void *source, uint64_t bytes) {
#ifdef FAIL_buffer_write
    (void)buffer, (void)offset, (void)source, (void)bytes;
    return fail("cannot write");
#else
    memcpy(buffer->data + offset, source, bytes);
    return NULL;
#endif
}
static hadal_error *buffer_read(hadal_buffer *buffer, uint64_t offset, void *destination, uint64_t bytes) {
    memcpy(destination, buffer->data + offset, bytes);
    return NULL;
}
static hadal_error *buffer_copy(hadal_buffer *to, uint64_t to_offset, hadal_buffer *from, uint64_t from_offset, uint64_t bytes) {
    memcpy(to->data + to_offset, from->data + from_offset, bytes);
    return NULL;
}
static hadal_error *buffer_upload(hadal_buffer *buffer, uint64_t offset, int32_t file, uint64_t file_offset, uint64_t bytes) {
    return pread(file, buffer->data + offset, bytes, (off_t)file_offset) == (ssize_t)bytes ? NULL : fail("short read");
}
static void *buffer_host_pointer(hadal_buffer *buffer) { return buffer->data; }
#endif

static const char *const choices[] = {"low", "high"};
static const hadal_option_spec options[] = {
    {sizeof(hadal_option_spec), HADAL_OPTION_INT, "width", "how wide", 4, 0, NULL, 3, 0, 1, 16, NULL},
#ifdef BAD_OPTION
    {sizeof(hadal_option_spec), HADAL_OPTION_INT, "depth", "how deep", 99, 0, NULL, 3, 0, 1, 16, NULL},
#endif
    {sizeof(hadal_option_spec), HADAL_OPTION_STRING, "mode", "which way", 0, 0, "low", 0, 2, 0, 0, choices},
};

static const hadal_plugin table = {
    .size = TABLE_SIZE,
    .option_stride = sizeof(hadal_option_spec),
    .capabilities = CAPABILITIES,
    .name = NAME,
    .version = "0.1",
    .description = "a variant",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .supports = supports,
#ifndef NO_COMPILE
    .compile = compile,
#endif
    .executable_release = executable_release,
    .execute = execute,
#ifndef MINIMAL
    .list_devices = list_devices,
    .open_device = open_device,
#ifndef NO_CLOSE
    .close_device = close_device,
#endif
    .quiesce = quiesce,
#endif
#ifdef BUFFERS
    .buffer_allocate = buffer_allocate,
    .buffer_release = buffer_release,
#ifndef MAPPED_ONLY
    .buffer_write = buffer_write,
    .buffer_read = buffer_read,
#endif
#if BUFFERS > 1
    .buffer_copy = buffer_copy,
    .buffer_upload = buffer_upload,
#endif
#if BUFFERS > 1 || defined(MAPPED_ONLY)
    .buffer_host_pointer = buffer_host_pointer,
#endif
#endif
};

#ifdef NEEDS_OTHER
extern int other_function(void);
HADAL_EXPORT int variant_other(void);
HADAL_EXPORT int variant_other(void) { return other_function(); }
#endif

#ifndef NO_QUERY
HADAL_EXPORT void hadal_plugin_query(hadal_query *query);
HADAL_EXPORT void hadal_plugin_query(hadal_query *query) {
    query->plugin_abi_minimum = ABI_MINIMUM;
    query->plugin_abi_maximum = ABI_MAXIMUM;
    query->abi_version = CHOSEN;
#ifdef NULL_TABLE
    query->plugin = NULL;
#else
    query->plugin = &table;
#endif
}
#endif
