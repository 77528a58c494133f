#include "CVulkan.h"

#include <dlfcn.h>
#include <stdlib.h>

/* Every table is a list of function pointers and nothing else, so it can be filled as an array in the order of its names. */

#define NAME(name) "vk" #name,
static const char *const global_names[] = { HADAL_VULKAN_GLOBAL(NAME) };
static const char *const instance_names[] = { HADAL_VULKAN_INSTANCE(NAME) };
static const char *const device_names[] = { HADAL_VULKAN_DEVICE(NAME) };
#undef NAME

static const char *const shaderc_names[] = {
    "shaderc_compiler_initialize", "shaderc_compiler_release", "shaderc_compile_options_initialize", "shaderc_compile_options_release",
    "shaderc_compile_options_set_target_env", "shaderc_compile_options_set_optimization_level", "shaderc_compile_into_spv",
    "shaderc_result_get_compilation_status", "shaderc_result_get_length", "shaderc_result_get_bytes", "shaderc_result_get_error_message",
    "shaderc_result_release",
};

_Static_assert(sizeof(hadal_vulkan_global) == sizeof(global_names), "a name for each function");
_Static_assert(sizeof(hadal_vulkan_instance) == sizeof(instance_names), "a name for each function");
_Static_assert(sizeof(hadal_vulkan_device) == sizeof(device_names), "a name for each function");
_Static_assert(sizeof(hadal_shaderc) == sizeof(shaderc_names), "a name for each function");

typedef void (*any_function)(void);
typedef any_function (*finder)(const void *get, void *context, const char *name);

static const void *fill(finder find, const void *get, void *context, const char *const *names, size_t bytes, const char **missing) {
    *missing = NULL;
    any_function *table = malloc(bytes);
    if (!table) return NULL;
    for (size_t i = 0; i < bytes / sizeof(any_function); i++) {
        table[i] = find(get, context, names[i]);
        if (!table[i]) {
            *missing = names[i];
            free(table);
            return NULL;
        }
    }
    return table;
}

static any_function find_instance(const void *get, void *context, const char *name) {
    return (*(const PFN_vkGetInstanceProcAddr *)get)((VkInstance)context, name);
}

static any_function find_device(const void *get, void *context, const char *name) {
    return (*(const PFN_vkGetDeviceProcAddr *)get)((VkDevice)context, name);
}

static any_function find_symbol(const void *get, void *context, const char *name) {
    (void)get;
    any_function function;
    /* ISO C has no conversion from an object pointer to a function pointer; POSIX says they look alike. */
    *(void **)&function = dlsym(context, name);
    return function;
}

const hadal_vulkan_global *hadal_vulkan_load_global(PFN_vkGetInstanceProcAddr get, const char **missing) {
    return fill(find_instance, &get, NULL, global_names, sizeof(global_names), missing);
}

const hadal_vulkan_instance *hadal_vulkan_load_instance(PFN_vkGetInstanceProcAddr get, VkInstance instance, const char **missing) {
    return fill(find_instance, &get, instance, instance_names, sizeof(instance_names), missing);
}

const hadal_vulkan_device *hadal_vulkan_load_device(PFN_vkGetDeviceProcAddr get, VkDevice device, const char **missing) {
    return fill(find_device, &get, device, device_names, sizeof(device_names), missing);
}

const hadal_shaderc *hadal_shaderc_load(void *library, const char **missing) {
    return fill(find_symbol, NULL, library, shaderc_names, sizeof(shaderc_names), missing);
}
