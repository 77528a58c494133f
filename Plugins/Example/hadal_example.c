#include "hadal_example.h"
