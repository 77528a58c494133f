#include "hadal_plugin.h"
