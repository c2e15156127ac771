// Resizing with a triangle filter, first along rows, then along columns, in fixed point: the same bits everywhere.
#include <math.h>
#include <stdlib.h>

#include "CImages.h"

enum { FRACTION_BITS = 22 };

/// For each target position: where its window starts, how long it is, and `window` weights.
typedef struct filter {
    int window;
    int *starts;
    int *lengths;
    int *weights;
} filter;

static void filter_free(filter *filter) {
    free(filter->starts);
    free(filter->lengths);
    free(filter->weights);
    *filter = (struct filter){0};
}

static bool filter_make(int from, int to, filter *result) {
    double scale = (double)from / to;
    double reach = scale > 1 ? scale : 1;
    int window = (int)ceil(reach) * 2 + 1;
    double *row = malloc(sizeof *row * (size_t)window);
    *result = (filter){
        window, malloc(sizeof(int) * (size_t)to), malloc(sizeof(int) * (size_t)to),
        malloc(sizeof(int) * (size_t)to * (size_t)window)};
    if (!row || !result->starts || !result->lengths || !result->weights) {
        free(row);
        filter_free(result);
        return false;
    }
    for (int i = 0; i < to; i++) {
        double centre = (i + 0.5) * scale;
        int start = (int)(centre - reach + 0.5), end = (int)(centre + reach + 0.5);
        if (start < 0) start = 0;
        if (end > from) end = from;
        double sum = 0;
        for (int k = 0; k < end - start; k++) {
            double distance = (start + k + 0.5 - centre) / reach;
            if (distance < 0) distance = -distance;
            row[k] = distance < 1 ? 1 - distance : 0;
            sum += row[k];
        }
        for (int k = 0; k < end - start; k++) {
            result->weights[(size_t)i * (size_t)window + (size_t)k] = (int)(row[k] / sum * (1 << FRACTION_BITS) + 0.5);
        }
        result->starts[i] = start;
        result->lengths[i] = end - start;
    }
    free(row);
    return true;
}

// One line of `to` values; neighbours are `step` bytes apart in both.
static void filter_line(const filter *filter, const uint8_t *source, size_t step, uint8_t *target, int to) {
    for (int i = 0; i < to; i++) {
        const int *weights = filter->weights + (size_t)i * (size_t)filter->window;
        const uint8_t *from = source + (size_t)filter->starts[i] * step;
        int64_t sum = 1 << (FRACTION_BITS - 1);
        for (int k = 0; k < filter->lengths[i]; k++) sum += (int64_t)from[(size_t)k * step] * weights[k];
        int64_t value = sum >> FRACTION_BITS;
        target[(size_t)i * step] = value > 255 ? 255 : (uint8_t)value;
    }
}

bool wb_image_resize(
    const uint8_t *source, int channels, int height, int width, uint8_t *target, int target_height, int target_width) {
    filter across = {0}, down = {0};
    uint8_t *middle = malloc((size_t)height * (size_t)target_width);
    bool done = middle && filter_make(width, target_width, &across) && filter_make(height, target_height, &down);
    for (int c = 0; done && c < channels; c++) {
        const uint8_t *plane = source + (size_t)c * (size_t)height * (size_t)width;
        uint8_t *result = target + (size_t)c * (size_t)target_height * (size_t)target_width;
        for (int y = 0; y < height; y++) {
            filter_line(&across, plane + (size_t)y * (size_t)width, 1, middle + (size_t)y * (size_t)target_width,
                        target_width);
        }
        for (int x = 0; x < target_width; x++) {
            filter_line(&down, middle + x, (size_t)target_width, result + x, target_height);
        }
    }
    free(middle);
    filter_free(&down);
    filter_free(&across);
    return done;
}
