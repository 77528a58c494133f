/* A plugin that connects to somebody as soon as it is loaded, and again when it is asked what it is. */
#include "hadal_plugin.h"
#include "hostile.h"

__attribute__((constructor)) static void loaded(void) { hostile_attack("loaded"); }

HADAL_EXPORT void hadal_plugin_query(hadal_query *query);
HADAL_EXPORT void hadal_plugin_query(hadal_query *query) {
    hostile_attack("asked");
    query->plugin_abi_minimum = 1;
    query->plugin_abi_maximum = 1;
}
