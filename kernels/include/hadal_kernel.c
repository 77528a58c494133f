#include "hadal_kernel.h"
