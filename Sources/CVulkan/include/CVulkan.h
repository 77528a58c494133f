/*
 * Vulkan without linking to it: the published header's types, and tables of the functions that the Vulkan backend calls.
 *
 * The loader library is opened at run time, so that everything else works where there is none.
 */
#ifndef HADAL_CVULKAN_H
#define HADAL_CVULKAN_H

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>

/*
 * VK_KHR_cooperative_matrix, which is newer than the headers of some distributions.
 * Source: the Vulkan specification and its registry, extension 507.
 */
enum {
    HADAL_VULKAN_COOPERATIVE_MATRIX_FEATURES = 1000506000,
    HADAL_VULKAN_COOPERATIVE_MATRIX_PROPERTIES = 1000506001,
    HADAL_VULKAN_COMPONENT_FLOAT16 = 0,
    HADAL_VULKAN_COMPONENT_FLOAT32 = 1,
    HADAL_VULKAN_SCOPE_SUBGROUP = 3,
};

typedef struct {
    VkStructureType sType;
    void *_Nullable pNext;
    VkBool32 cooperativeMatrix;
    VkBool32 cooperativeMatrixRobustBufferAccess;
} hadal_vulkan_matrix_features;

/* One shape and combination of types: an m x k by k x n product added to an m x n matrix. */
typedef struct {
    VkStructureType sType;
    void *_Nullable pNext;
    uint32_t m, n, k;
    uint32_t a, b, c, result;
    VkBool32 saturates;
    uint32_t scope;
} hadal_vulkan_matrix;

typedef VkResult (VKAPI_PTR *hadal_vulkan_list_matrices)(
    VkPhysicalDevice _Nonnull device, uint32_t *_Nonnull count, hadal_vulkan_matrix *_Nullable matrices);

/* Functions that exist before any instance does. */
#define HADAL_VULKAN_GLOBAL(X) \
    X(EnumerateInstanceVersion) X(EnumerateInstanceLayerProperties) X(EnumerateInstanceExtensionProperties) X(CreateInstance)

#define HADAL_VULKAN_INSTANCE(X) \
    X(DestroyInstance) X(EnumeratePhysicalDevices) X(GetPhysicalDeviceProperties2) X(GetPhysicalDeviceFeatures2) \
    X(GetPhysicalDeviceMemoryProperties2) X(GetPhysicalDeviceQueueFamilyProperties) X(EnumerateDeviceExtensionProperties) \
    X(CreateDevice) X(GetDeviceProcAddr)

#define HADAL_VULKAN_DEVICE(X) \
    X(DestroyDevice) X(GetDeviceQueue) X(DeviceWaitIdle) X(AllocateMemory) X(FreeMemory) X(MapMemory) X(CreateBuffer) \
    X(DestroyBuffer) X(GetBufferMemoryRequirements) X(BindBufferMemory) X(GetBufferDeviceAddress) X(CreateShaderModule) \
    X(DestroyShaderModule) X(CreatePipelineLayout) X(DestroyPipelineLayout) X(CreateComputePipelines) X(DestroyPipeline) \
    X(CreateCommandPool) X(DestroyCommandPool) X(AllocateCommandBuffers) X(FreeCommandBuffers) X(BeginCommandBuffer) \
    X(EndCommandBuffer) X(CmdBindPipeline) X(CmdPushConstants) X(CmdDispatch) X(CmdDispatchIndirect) X(CmdPipelineBarrier) \
    X(CmdCopyBuffer) X(CmdFillBuffer) X(CmdWriteTimestamp) X(CmdResetQueryPool) X(CreateQueryPool) X(DestroyQueryPool) \
    X(GetQueryPoolResults) X(CreatePipelineCache) X(DestroyPipelineCache) X(GetPipelineCacheData) \
    X(QueueSubmit) X(CreateSemaphore) X(DestroySemaphore) X(WaitSemaphores)

#define HADAL_VULKAN_FIELD(name) PFN_vk##name _Nonnull name;
typedef struct { HADAL_VULKAN_GLOBAL(HADAL_VULKAN_FIELD) } hadal_vulkan_global;
typedef struct { HADAL_VULKAN_INSTANCE(HADAL_VULKAN_FIELD) } hadal_vulkan_instance;
typedef struct { HADAL_VULKAN_DEVICE(HADAL_VULKAN_FIELD) } hadal_vulkan_device;
#undef HADAL_VULKAN_FIELD

/*
 * Each fills a table that lives until it is freed with free(). NULL: the function named in `missing` does not exist, or no memory (then
 * `missing` is NULL too).
 */
const hadal_vulkan_global *_Nullable hadal_vulkan_load_global(
    PFN_vkGetInstanceProcAddr _Nonnull get, const char *_Nullable *_Nonnull missing);
const hadal_vulkan_instance *_Nullable hadal_vulkan_load_instance(
    PFN_vkGetInstanceProcAddr _Nonnull get, VkInstance _Nonnull instance, const char *_Nullable *_Nonnull missing);
const hadal_vulkan_device *_Nullable hadal_vulkan_load_device(
    PFN_vkGetDeviceProcAddr _Nonnull get, VkDevice _Nonnull device, const char *_Nullable *_Nonnull missing);

/*
 * The part of shaderc's C interface that is used, likewise reached through a library opened at run time.
 * Source: the public header shaderc/shaderc.h.
 */
typedef struct hadal_shaderc_compiler *hadal_shaderc_compiler;
typedef struct hadal_shaderc_options *hadal_shaderc_options;
typedef struct hadal_shaderc_result *hadal_shaderc_result;

enum { HADAL_SHADERC_COMPUTE = 2, HADAL_SHADERC_SUCCESS = 0, HADAL_SHADERC_TARGET_VULKAN = 0, HADAL_SHADERC_VULKAN_1_2 = (1u << 22) | (2u << 12),
       HADAL_SHADERC_OPTIMISE_SPEED = 2 };

typedef struct {
    hadal_shaderc_compiler _Nullable (*_Nonnull compiler_initialize)(void);
    void (*_Nonnull compiler_release)(hadal_shaderc_compiler _Nonnull);
    hadal_shaderc_options _Nullable (*_Nonnull compile_options_initialize)(void);
    void (*_Nonnull compile_options_release)(hadal_shaderc_options _Nonnull);
    void (*_Nonnull compile_options_set_target_env)(hadal_shaderc_options _Nonnull, int target, uint32_t version);
    void (*_Nonnull compile_options_set_optimization_level)(hadal_shaderc_options _Nonnull, int level);
    hadal_shaderc_result _Nullable (*_Nonnull compile_into_spv)(
        hadal_shaderc_compiler _Nonnull, const char *_Nonnull source, size_t length, int kind, const char *_Nonnull name,
        const char *_Nonnull entry, hadal_shaderc_options _Nonnull);
    int (*_Nonnull result_get_compilation_status)(hadal_shaderc_result _Nonnull);
    size_t (*_Nonnull result_get_length)(hadal_shaderc_result _Nonnull);
    const char *_Nullable (*_Nonnull result_get_bytes)(hadal_shaderc_result _Nonnull);
    const char *_Nullable (*_Nonnull result_get_error_message)(hadal_shaderc_result _Nonnull);
    void (*_Nonnull result_release)(hadal_shaderc_result _Nonnull);
} hadal_shaderc;

/* As above; `library` comes from dlopen. */
const hadal_shaderc *_Nullable hadal_shaderc_load(void *_Nonnull library, const char *_Nullable *_Nonnull missing);

#endif
