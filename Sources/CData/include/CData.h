// The built-in data sets: CSV files inside the program. See data/ATTRIBUTION.md.
#pragma once

#include <stddef.h>

/// A file that was embedded when the program was compiled; it lives as long as the program.
typedef struct {
    const unsigned char *_Nonnull bytes;
    size_t count;
} wb_embedded_file;

/// 1,797 rows of 64 pixels (0 to 16) and a digit.
wb_embedded_file wb_data_digits(void);
/// 569 rows of 30 measurements and `malignant` or `benign`.
wb_embedded_file wb_data_breast_cancer(void);
/// 150 rows of 4 measurements and one of three species.
wb_embedded_file wb_data_iris(void);
/// 178 rows of 13 measurements and one of three cultivars.
wb_embedded_file wb_data_wine(void);
