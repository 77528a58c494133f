/*
 * The Hadal plugin ABI.
 *
 * A plugin is a shared library that exports one symbol, hadal_plugin_query. Everything else is reached through the table
 * that the query returns. This header is complete in itself: copy it, include it, build with any C compiler.
 *
 * Rules
 *  - Every struct starts with `size`, set by whoever fills it to sizeof as *they* know it. Structs only ever grow at the end.
 *    A reader uses a field only if it lies within `size` (HADAL_HAS). Arrays of structs carry a stride, which may be larger than
 *    the reader's sizeof (HADAL_AT). A sequence has a stride alone. Five small structs have neither and never change: dim,
 *    operand, binding, heap, piece.
 *  - A size says what was passed, not what is read. A field whose meaning a plugin must not ignore has a capability bit, and
 *    the host sends it only to a plugin that claims the bit.
 *  - A NULL function means "not supported". The least that a backend needs: supports, compile, execute, executable_release.
 *  - Numbers in enums, bits and fields called `reserved` may be given a meaning later: fill reserved fields with 0 and do not
 *    interpret values that are not listed here. A plugin answers "no" to an op, dtype or attribute value that it does not know.
 *  - Functions that can fail return NULL on success or an error object that the plugin allocates and the host releases.
 *    A plugin never aborts, never prints and never lets an exception cross.
 *  - Strings are UTF-8, end in NUL, and are borrowed for the duration of the call unless stated otherwise.
 *  - Lifetimes: executables and buffers are released before their device is closed. Release and close cannot fail.
 *  - Threads: the query and list_devices may be called from any thread at any time. Calls on one device, its buffers and its
 *    executables are made by one thread at a time (any thread), except `error.release`.
 */
#ifndef HADAL_PLUGIN_H
#define HADAL_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HADAL_ABI_VERSION 1u
#define HADAL_SYMBOL_QUERY "hadal_plugin_query"
#define HADAL_MAX_DIMS 4u

/* Whether `field` lies within the `size` that came with the struct. */
#define HADAL_HAS(pointer, type, field) \
    ((size_t)(pointer)->size >= offsetof(type, field) + sizeof(((type *)0)->field))
/* Element `index` of an array of `type` whose elements are `stride` bytes apart. */
#define HADAL_AT(type, base, stride, index) ((const type *)(const void *)((const char *)(base) + (size_t)(stride) * (index)))

/* What a plugin claims to read or do, in hadal_plugin.capabilities. */
enum {
    /* hadal_weight.scale_*: float8 weights with block scales. */
    HADAL_CAPABILITY_BLOCK_SCALES = 1u << 0,
    /* hadal_execution.trace: a report for each node. */
    HADAL_CAPABILITY_TRACE = 1u << 1,
    /* A segment may have more than one node. */
    HADAL_CAPABILITY_MULTI_NODE = 1u << 2,
    /* A segment may have state (caches). */
    HADAL_CAPABILITY_STATE = 1u << 3,
    /* More than one sequence in a step. */
    HADAL_CAPABILITY_MULTI_SEQUENCE = 1u << 4,
    /* Symbolic dims: one executable for every T, S and R up to the bounds. Without it the host compiles per extent. */
    HADAL_CAPABILITY_SYMBOLIC_DIMS = 1u << 5,
    /* hadal_weight.pieces: weights that the plugin reads from files itself, a piece at a time. */
    HADAL_CAPABILITY_WEIGHT_PIECES = 1u << 6,
    /* A step of up to HADAL_STABLE_TOKENS tokens of a sequence gives each of them, and the state, the bits that it would get in a step of its
     * own. Nothing is sent on account of it: it lets the host verify drafted tokens without a change to the result. */
    HADAL_CAPABILITY_STABLE_STEPS = 1u << 7,
    /* executable_replace_kernel: kernels of compiled segments can be exchanged for others built from source. */
    HADAL_CAPABILITY_LIVE_KERNELS = 1u << 8,
    /* hadal_state.rows: states of fixed size. */
    HADAL_CAPABILITY_FIXED_STATES = 1u << 9
};
enum { HADAL_STABLE_TOKENS = 8 };

/* Element types: the published GGUF tensor type numbers, and Hadal's own from 1000. */
enum {
    HADAL_DTYPE_F32 = 0, HADAL_DTYPE_F16 = 1, HADAL_DTYPE_Q4_0 = 2, HADAL_DTYPE_Q4_1 = 3, HADAL_DTYPE_Q5_0 = 6,
    HADAL_DTYPE_Q5_1 = 7, HADAL_DTYPE_Q8_0 = 8, HADAL_DTYPE_Q2_K = 10, HADAL_DTYPE_Q3_K = 11, HADAL_DTYPE_Q4_K = 12,
    HADAL_DTYPE_Q5_K = 13, HADAL_DTYPE_Q6_K = 14, HADAL_DTYPE_IQ4_NL = 20, HADAL_DTYPE_IQ4_XS = 23, HADAL_DTYPE_I8 = 24,
    HADAL_DTYPE_I16 = 25, HADAL_DTYPE_I32 = 26, HADAL_DTYPE_I64 = 27, HADAL_DTYPE_F64 = 28, HADAL_DTYPE_BF16 = 30,
    HADAL_DTYPE_MXFP4 = 39, HADAL_DTYPE_F8_E4M3 = 1000, HADAL_DTYPE_U8 = 1001, HADAL_DTYPE_BOOL = 1002
};

/* ---- errors ---------------------------------------------------------------------------------------------------- */

enum {
    HADAL_ERROR_INVALID_ARGUMENT = 1, HADAL_ERROR_NOT_FOUND = 2, HADAL_ERROR_UNSUPPORTED = 3,
    HADAL_ERROR_OUT_OF_MEMORY = 4, /* recoverable: the device remains usable */
    HADAL_ERROR_DEVICE_LOST = 5, HADAL_ERROR_INTERNAL = 6, HADAL_ERROR_CANCELLED = 7,
    HADAL_ERROR_IO = 8, HADAL_ERROR_MISMATCH = 9, HADAL_ERROR_LIMIT = 10 /* others are read as INTERNAL */
};

typedef struct hadal_error {
    uint32_t size;
    int32_t code;
    const char *message;     /* one sentence; lives as long as the error */
    const char *op;          /* may be NULL */
    const char *tensor;      /* may be NULL */
    uint64_t bytes_wanted;   /* out of memory: 0 when unknown */
    uint64_t bytes_free;
    void (*release)(struct hadal_error *error); /* frees the error; any thread */
} hadal_error;

/* ---- what the host offers -------------------------------------------------------------------------------------- */

enum { HADAL_LOG_DEBUG = 0, HADAL_LOG_INFO = 1, HADAL_LOG_WARNING = 2, HADAL_LOG_ERROR = 3 };

/* Lives as long as the device that was opened with it. Callable from any thread. */
typedef struct hadal_host {
    uint32_t size;
    uint32_t abi_version;    /* the version that was agreed on */
    void *context;
    void (*log)(void *context, uint32_t level, const char *message); /* may be NULL */
} hadal_host;

/* ---- options --------------------------------------------------------------------------------------------------- */

enum { HADAL_OPTION_BOOL = 0, HADAL_OPTION_INT = 1, HADAL_OPTION_FLOAT = 2, HADAL_OPTION_STRING = 3 };

enum { HADAL_RANGE_MINIMUM = 1, HADAL_RANGE_MAXIMUM = 2 };

/* A typed, published option. All strings live as long as the plugin is loaded. */
typedef struct hadal_option_spec {
    uint32_t size;
    uint32_t kind;
    const char *name;
    const char *help;
    int64_t default_int;         /* bool: 0 or 1 */
    double default_float;
    const char *default_string;
    uint32_t range;              /* which of minimum and maximum, both inclusive, hold: HADAL_RANGE_* */
    uint32_t choice_count;       /* 0: any string */
    double minimum, maximum;
    const char *const *choices;
} hadal_option_spec;

typedef struct hadal_option {
    uint32_t size;
    uint32_t kind;
    const char *name;
    int64_t int_value;           /* bool: 0 or 1 */
    double float_value;
    const char *string_value;
} hadal_option;

/* ---- devices --------------------------------------------------------------------------------------------------- */

enum { HADAL_DEVICE_CPU = 0, HADAL_DEVICE_GPU = 1, HADAL_DEVICE_INTEGRATED_GPU = 2, HADAL_DEVICE_ACCELERATOR = 3,
       HADAL_DEVICE_SOFTWARE = 4 };

enum { HADAL_HEAP_HOST_VISIBLE = 1, HADAL_HEAP_DEVICE_LOCAL = 2 };

typedef struct hadal_heap {
    uint32_t flags;
    uint32_t reserved;
    uint64_t bytes_total, bytes_free;
} hadal_heap;

/* Filled by list_devices: cheap, opens nothing. Strings live as long as the plugin is loaded. */
typedef struct hadal_device_info {
    uint32_t size;
    uint32_t kind;
    const char *id;              /* stable: a bus address where there is one; required */
    const char *name;            /* required */
    const char *driver;          /* name and version; may be NULL */
    const char *features;        /* space-separated: instruction sets, matrix units; may be NULL */
    uint32_t heap_count;
    uint32_t subgroup_minimum, subgroup_maximum; /* 0 when the notion does not apply */
    uint32_t dtype_count;
    const uint32_t *dtypes;      /* weight dtypes computed on as stored; may be NULL */
    hadal_heap heaps[4];
    uint64_t import_alignment;   /* of host pointers for buffer_import; 0 when unsupported */
    uint64_t buffer_range_limit; /* largest range one binding may cover; 0: none */
} hadal_device_info;

typedef struct hadal_device hadal_device;         /* the plugin's own */
typedef struct hadal_buffer hadal_buffer;         /* the plugin's own */
typedef struct hadal_executable hadal_executable; /* the plugin's own */

/* ---- graphs ---------------------------------------------------------------------------------------------------- */

/* T: new tokens of the step. S: sequences of the step. R: rows whose logits are wanted. */
enum { HADAL_SYMBOL_NONE = 0, HADAL_SYMBOL_TOKENS = 1, HADAL_SYMBOL_SEQUENCES = 2, HADAL_SYMBOL_ROWS = 3 };

typedef struct hadal_dim {
    int64_t extent;              /* fixed extent, or the upper bound of the symbol */
    uint32_t symbol;
    uint32_t reserved;
} hadal_dim;

/* An activation. Row-major; the last dim is contiguous. */
typedef struct hadal_value {
    uint32_t size;
    uint32_t dtype;
    const char *name;
    uint32_t rank;
    uint32_t reserved;
    hadal_dim dims[HADAL_MAX_DIMS];
} hadal_value;

/* A part of a weight as a range of a file. The host keeps the descriptor open until executable_release. */
typedef struct hadal_piece {
    int32_t file;
    uint32_t reserved;
    uint64_t offset;
    uint64_t bytes;
} hadal_piece;

/* A constant. Row-major; quantised types in blocks along the last dim. `data` stays mapped until executable_release, unless the
 * executable reports that it keeps no reference to it. */
typedef struct hadal_weight {
    uint32_t size;
    uint32_t dtype;
    const char *name;
    uint32_t rank;
    int32_t file;                /* descriptor the bytes can also be read from, or -1 */
    int64_t dims[HADAL_MAX_DIMS];
    const void *data;            /* NULL in `supports`, where only types and shapes are known */
    uint64_t bytes;
    uint64_t file_offset;
    /* HADAL_CAPABILITY_BLOCK_SCALES: element [i][j] times scale[i / scale_block[0]][j / scale_block[1]]; NULL: none. */
    const float *scale;
    uint32_t scale_block[2];
    int64_t scale_dims[2];
    /* HADAL_CAPABILITY_WEIGHT_PIECES: where each index of the first dim is stored, dims[0] of them, all of one size. With pieces, `data`
     * may be NULL in `compile` too: the plugin reads what it needs when it needs it. NULL: none. */
    const hadal_piece *pieces;
} hadal_weight;

/* A per-token cache: page p, head h, token t in the page, then a row of `width` contiguous elements. The host allocates it
 * with buffer_allocate (or as host memory), pages * heads * page_tokens rows. A row of HADAL_DTYPE_Q8_0 is padded with zeros
 * to whole blocks of 32 elements (34 bytes), and to a multiple of 4 bytes. */
typedef struct hadal_state {
    uint32_t size;
    uint32_t dtype;
    const char *name;
    uint32_t heads;
    uint32_t width;
    uint32_t page_tokens;        /* tokens in a page */
    uint32_t reserved;
    /* HADAL_CAPABILITY_FIXED_STATES: not 0: a state of fixed size, whatever the number of tokens. It has slots in place of pages: slot s,
     * head h, row r of `rows`, then `width` elements. A sequence's is in the slot hadal_sequence.slot_before, or zeros where the sequence has
     * no past; the step leaves the state after its last token in slot_after. */
    uint32_t rows;
    uint32_t reserved_2;
} hadal_state;

enum { HADAL_ATTRIBUTE_BOOL = 0, HADAL_ATTRIBUTE_INT = 1, HADAL_ATTRIBUTE_FLOAT = 2, HADAL_ATTRIBUTE_STRING = 3,
       HADAL_ATTRIBUTE_INTS = 4, HADAL_ATTRIBUTE_FLOATS = 5 };

/* Every attribute that the op's contract names is present, sorted by name. */
typedef struct hadal_attribute {
    uint32_t size;
    uint32_t kind;
    const char *name;
    int64_t int_value;           /* bool: 0 or 1 */
    double float_value;
    const char *string_value;
    const int64_t *ints;
    const double *floats;
    uint32_t count;              /* of ints or floats */
    uint32_t reserved;
} hadal_attribute;

enum { HADAL_OPERAND_NONE = 0, HADAL_OPERAND_VALUE = 1, HADAL_OPERAND_WEIGHT = 2 };

typedef struct hadal_operand {
    uint32_t kind;
    uint32_t index;
} hadal_operand;

typedef struct hadal_node {
    uint32_t size;
    uint32_t input_count;
    const char *op;
    const char *label;               /* where in the model: "layers.3.attention.q" */
    const hadal_operand *inputs;     /* in the contract's order, absent ones as NONE */
    const uint32_t *outputs;         /* value indices */
    const uint32_t *states;          /* state indices */
    const hadal_attribute *attributes;
    uint32_t output_count, state_count, attribute_count, reserved;
} hadal_node;

/* A part of a model, or all of it, in execution order. Pointers are borrowed for the duration of the call, but see
 * hadal_weight.data. */
typedef struct hadal_segment {
    uint32_t size;
    uint32_t value_count, weight_count, state_count, node_count, input_count, output_count;
    uint32_t value_stride, weight_stride, state_stride, node_stride, attribute_stride;
    /* Upper bounds of T, S and R, whether or not a value names them. Without HADAL_CAPABILITY_SYMBOLIC_DIMS: their values. */
    uint32_t tokens_bound, sequences_bound, rows_bound;
    uint32_t reserved;
    const char *name;
    const hadal_value *values;
    const hadal_weight *weights;
    const hadal_state *states;
    const hadal_node *nodes;
    const uint32_t *inputs;          /* value indices that the host binds */
    const uint32_t *outputs;         /* value indices that the host reads */
} hadal_segment;

typedef struct hadal_executable_info {
    uint32_t size;
    uint32_t keeps_weights;          /* 1: hadal_weight.data must stay mapped */
    uint64_t weight_bytes;           /* held by the executable: packed copies */
    uint64_t scratch_bytes;          /* activations and work space at the upper bounds */
    uint64_t barriers_per_step;      /* 0 when the notion does not apply */
} hadal_executable_info;

/* What an executable that reads weights itself has done since it was compiled. */
typedef struct hadal_executable_statistics {
    uint32_t size;
    uint32_t reserved;
    uint64_t expert_hits;            /* experts in memory when a step of their layer needed them */
    uint64_t expert_prefetch_hits;   /* of these, those that were there for the first time, because of a guess */
    uint64_t expert_misses;          /* experts that a step waited for */
    uint64_t expert_reads;           /* experts read from files */
    uint64_t expert_prefetches;      /* of these, guesses */
    uint64_t expert_read_bytes;
    uint64_t expert_wait_ns;         /* in which threads that compute could only wait for a read */
    uint64_t expert_held_bytes;      /* in memory now, */
    uint64_t expert_limit_bytes;     /* at most, */
    uint64_t expert_total_bytes;     /* and of all there are */
} hadal_executable_statistics;

/* What a device was measured to do at most, in operations a second; a multiply-add is two. 0: not measured. */
typedef struct hadal_device_rates {
    uint32_t size;
    uint32_t reserved;
    double float32;
    double float16_matrix;           /* matrices of float16 numbers whose products are added up in float32 */
} hadal_device_rates;

/* ---- running --------------------------------------------------------------------------------------------------- */

/* A plugin with buffer_allocate is given `buffer`, every other one `host`; the other of the two is NULL. The data are `bytes` bytes
 * from `offset` on. */
typedef struct hadal_binding {
    hadal_buffer *buffer;
    void *host;
    uint64_t offset;
    uint64_t bytes;
} hadal_binding;

/* One sequence of a step. Its new tokens are consecutive in the step. */
typedef struct hadal_sequence {
    uint32_t first_token;            /* index of its first new token in the step */
    uint32_t token_count;            /* new tokens */
    uint32_t past;                   /* tokens already in the caches */
    uint32_t planned_length;         /* the length that rope's switch_length is compared with */
    uint32_t first_page;             /* index into hadal_step.pages of its page list */
    uint32_t page_count;
    /* Of states of fixed size: the slot to read, and the slot to write as a whole. Never the same; no other sequence of the step writes
     * either. */
    uint32_t slot_before, slot_after;
} hadal_sequence;

/* Token i of a sequence (0-based position in the cache) lives in page pages[first_page + i / page_tokens], at i % page_tokens. */
typedef struct hadal_step {
    uint32_t size;
    uint32_t tokens;                 /* T */
    uint32_t sequence_count;         /* S */
    uint32_t rows;                   /* R */
    const hadal_sequence *sequences;
    const uint32_t *pages;
    uint32_t sequence_stride;
    uint32_t page_list_count;        /* entries in `pages` */
} hadal_step;

typedef struct hadal_trace_event {
    uint32_t size;
    uint32_t node;                   /* index in the segment; a fused group reports its last node */
    uint64_t start_ns, duration_ns;  /* on CLOCK_MONOTONIC */
    uint64_t bytes;                  /* moved, when known */
} hadal_trace_event;

typedef struct hadal_execution {
    uint32_t size;
    uint32_t input_count, output_count, state_count;
    const hadal_binding *inputs;     /* in the order of hadal_segment.inputs */
    const hadal_binding *outputs;    /* in the order of hadal_segment.outputs */
    const hadal_binding *states;     /* in the order of hadal_segment.states */
    const hadal_step *step;
    /* HADAL_CAPABILITY_TRACE: called on the executing thread, once a node; may be NULL. */
    void (*trace)(void *context, const hadal_trace_event *event);
    void *trace_context;
    /* May be NULL. Set to nonzero by any thread to ask for an early end with HADAL_ERROR_CANCELLED. */
    const volatile uint32_t *cancel;
} hadal_execution;

/* ---- the table ------------------------------------------------------------------------------------------------- */

enum { HADAL_SUPPORT_NO = 0, HADAL_SUPPORT_YES = 1 };

typedef struct hadal_plugin {
    uint32_t size;
    uint32_t option_stride;
    uint64_t capabilities;
    const char *name;                /* what --backend takes: lower case, no spaces */
    const char *version;
    const char *description;
    const hadal_option_spec *options;
    uint32_t option_count;
    uint32_t reserved;
    void *context;                   /* passed to list_devices and open_device; may be NULL */

    /* NULL: one device, named as the plugin, passed to open_device as index 0. `devices` has room for `capacity` structs, zeroed
     * but for their size, `stride` bytes apart; `count` receives how many there are, be it more than the capacity. */
    hadal_error *(*list_devices)(void *context, hadal_device_info *devices, uint32_t stride, uint32_t capacity, uint32_t *count);

    /* NULL: nothing to open; `device` is NULL in every call. Options not given have their defaults; values given are of the
     * published kind and in range. */
    hadal_error *(*open_device)(void *context, uint32_t index, const hadal_host *host, const hadal_option *options,
                                uint32_t option_stride, uint32_t option_count, hadal_device **device);
    void (*close_device)(hadal_device *device);
    /* Joins every thread that the device started; it may be used again. NULL: it has none. */
    void (*quiesce)(hadal_device *device);

    /* Required. Whether the device can run one node of a segment whose weights may lack data. On NO, writes the reason, ended by
     * NUL, into `capacity` bytes. The segment may hold that node alone. */
    uint32_t (*supports)(hadal_device *device, const hadal_segment *segment, uint32_t node, char *reason, uint32_t capacity);

    /* Required. Does all the work that can be done once: packing weights, planning memory, building pipelines. */
    hadal_error *(*compile)(hadal_device *device, const hadal_segment *segment, hadal_executable **executable);
    /* Required. */
    void (*executable_release)(hadal_executable *executable);
    hadal_error *(*executable_info)(hadal_executable *executable, hadal_executable_info *info);
    /* Required. Returns when the outputs can be read. */
    hadal_error *(*execute)(hadal_executable *executable, const hadal_execution *execution);

    /* Buffers. All NULL: the plugin computes on host memory. With buffer_allocate there must be buffer_release, and either
     * buffer_write and buffer_read or buffer_host_pointer. New buffers hold zeros. */
    hadal_error *(*buffer_allocate)(hadal_device *device, uint64_t bytes, hadal_buffer **buffer);
    /* Makes host memory, aligned to import_alignment, usable as a buffer. The host keeps it mapped until buffer_release. */
    hadal_error *(*buffer_import)(hadal_device *device, void *host, uint64_t bytes, hadal_buffer **buffer);
    void (*buffer_release)(hadal_buffer *buffer);
    hadal_error *(*buffer_write)(hadal_buffer *buffer, uint64_t offset, const void *source, uint64_t bytes);
    hadal_error *(*buffer_read)(hadal_buffer *buffer, uint64_t offset, void *destination, uint64_t bytes);
    hadal_error *(*buffer_copy)(hadal_buffer *to, uint64_t to_offset, hadal_buffer *from, uint64_t from_offset, uint64_t bytes);
    /* Reads a range of a file straight into a buffer. NULL: the host reads and calls buffer_write. */
    hadal_error *(*buffer_upload)(hadal_buffer *buffer, uint64_t offset, int32_t file, uint64_t file_offset, uint64_t bytes);
    /* Where the buffer is mapped in host memory, or NULL; the same answer as long as the buffer lives. */
    void *(*buffer_host_pointer)(hadal_buffer *buffer);

    /* What the executable has read from files since it was compiled. NULL: nothing to tell. */
    hadal_error *(*executable_statistics)(hadal_executable *executable, hadal_executable_statistics *statistics);
    /* Bytes that the device would hold in memory for the matrices of a weight of this type and shape, data and pieces aside; 0 when it
     * does not know. NULL: as many as are stored. */
    uint64_t (*weight_bytes)(hadal_device *device, const hadal_weight *weight);
    /* HADAL_CAPABILITY_LIVE_KERNELS: from the next `execute` on, the executable's nodes of `op` run the kernel whose source lies in the folder
     * `directory`/`op`. Called between two executions. On an error, one that the source does not compile among them, the executable runs
     * what it ran before. The folder stays as it is until executable_release. */
    hadal_error *(*executable_replace_kernel)(hadal_executable *executable, const char *op, const char *directory);
    /* Measures for about so many seconds. NULL: the host measures nothing. */
    hadal_error *(*measure_rates)(hadal_device *device, double seconds, hadal_device_rates *rates);
} hadal_plugin;

/* Filled in by both sides: the host sets size and host_abi_*, zeros the rest; the plugin sets the rest, plugin_abi_* even when the
 * ranges do not overlap. */
typedef struct hadal_query {
    uint32_t size;
    uint32_t host_abi_minimum, host_abi_maximum;
    uint32_t plugin_abi_minimum, plugin_abi_maximum;
    uint32_t abi_version;            /* the highest version both know; 0: none */
    const hadal_plugin *plugin;      /* lives as long as the library is loaded; NULL when abi_version is 0 */
} hadal_query;

/* Pure: touches no device, starts no thread, may be called again. */
typedef void (*hadal_plugin_query_function)(hadal_query *query);
#if defined(_WIN32)
#define HADAL_EXPORT __declspec(dllexport)
#else
#define HADAL_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
}
#endif
#endif
