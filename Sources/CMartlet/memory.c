// What malloc knows of its blocks.
#include "CMartlet.h"

#if defined(__APPLE__)
#include <malloc/malloc.h>
size_t martlet_block_size(const void *block) { return malloc_size(block); }
#else
#include <malloc.h>
size_t martlet_block_size(const void *block) { return malloc_usable_size((void *)block); }
#endif
