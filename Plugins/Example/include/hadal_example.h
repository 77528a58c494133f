/* The package wants a header beside every C target; the plugin itself needs hadal_plugin.h alone. */
#ifndef HADAL_EXAMPLE_H
#define HADAL_EXAMPLE_H
#include "hadal_plugin.h"
#endif
