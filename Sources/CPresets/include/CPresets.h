// The specs of examples/, embedded in the program.
#pragma once
#include <stddef.h>

typedef struct {
    const char *name;
    const unsigned char *text; // UTF-8, not terminated
    size_t bytes;
} wb_preset;

/// All presets, in the order in which they are shown.
const wb_preset *wb_preset_at(size_t index);
size_t wb_preset_count(void);
