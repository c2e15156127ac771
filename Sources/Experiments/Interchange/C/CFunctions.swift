// CFunctions: the functions that an exported C program is made of. Plain loops: what a compiler makes of them is its affair.

/// A function by its name in C.
enum CFunction: String, CaseIterable {
    case prepareImage = "prepare_image"
    case prepareRow = "prepare_row"
    case conv
    case dense
    case maxPool = "max_pool"
    case averagePool = "average_pool"
    case globalAverage = "global_average"
    case norm
    case layerNorm = "layer_norm"
    case add
    case leaky
    case elu
    case gelu
    case silu
    case sigmoid
    case tanh = "hyperbolic_tangent"
    case softmax
    case quantize
    case dequantize
    case byte = "to_byte"
    case convBytes = "conv_bytes"
    case denseBytes = "dense_bytes"
    case denseSums = "dense_sums"
    case maxPoolBytes = "max_pool_bytes"
    case pool2 = "pool_2x2"
    case table

    /// Functions that it calls.
    var needs: [CFunction] {
        switch self {
        case .convBytes, .denseBytes: [.byte]
        default: []
        }
    }

    private static let window =
        "int channels, int height, int width, int rows, int columns, int size, int stride, int dilation, int above, int left"

    private func each(_ expression: String, _ more: String = "") -> String {
        """
        static void \(rawValue)(const float *x, float *y, int count\(more)) {
            int i;
            for (i = 0; i < count; i++) y[i] = \(expression);
        }

        """
    }

    private func windows(_ type: String, _ start: String, _ body: String, _ end: String) -> String {
        """
        static void \(rawValue)(const \(type) *x, \(type) *y, \(Self.window)) {
            int channel, row, column, i, j;
            for (channel = 0; channel < channels; channel++)
                for (row = 0; row < rows; row++)
                    for (column = 0; column < columns; column++) {
                        \(start)
                        for (i = 0; i < size; i++)
                            for (j = 0; j < size; j++) {
                                const int a = row * stride + i * dilation - above, b = column * stride + j * dilation - left;
                                if (a < 0 || a >= height || b < 0 || b >= width) continue;
                                \(body)
                            }
                        y[(channel * rows + row) * columns + column] = \(end);
                    }
        }

        """
    }

    private func convolution(
        _ types: (x: String, y: String), _ more: String, _ start: String, _ body: String, _ end: String
    )
        -> String
    {
        """
        static void \(rawValue)(const \(types.x) *x, \(types.y) *y, \(Self.window), int filters, int groups, \(more)) {
            const int inner = channels / groups;
            int filter, row, column, channel, i, j;
            for (filter = 0; filter < filters; filter++)
                for (row = 0; row < rows; row++)
                    for (column = 0; column < columns; column++) {
                        const int first = filter / (filters / groups) * inner;
                        \(start)
                        for (channel = 0; channel < inner; channel++)
                            for (i = 0; i < size; i++) {
                                const int a = row * stride + i * dilation - above;
                                if (a < 0 || a >= height) continue;
                                for (j = 0; j < size; j++) {
                                    const int b = column * stride + j * dilation - left;
                                    if (b < 0 || b >= width) continue;
                                    \(body)
                                }
                            }
                        y[(filter * rows + row) * columns + column] = \(end);
                    }
        }

        """
    }

    /// Its definition.
    var text: String {
        switch self {
        case .prepareImage:
            """
            static void prepare_image(const uint8_t *x, float *y, int channels, int plane, const float *scale, const float *shift) {
                int i, j;
                for (i = 0; i < channels; i++)
                    for (j = 0; j < plane; j++) y[i * plane + j] = (float)x[i * plane + j] * scale[i] + shift[i];
            }

            """
        case .prepareRow:
            """
            static void prepare_row(const float *x, float *y, int columns, const float *mean, const float *deviation, const int32_t *levels) {
                int i, j, next = 0;
                for (i = 0; i < columns; i++) {
                    if (levels[i] == 0) {
                        const int known = deviation[i] > 0.0f && !isnan(x[i]);
                        y[next++] = known ? (x[i] - mean[i]) / deviation[i] : 0.0f;
                    }
                    for (j = 0; j < (int)levels[i]; j++) y[next++] = x[i] >= (float)j && x[i] <= (float)j ? 1.0f : 0.0f;
                }
            }

            """
        case .conv:
            convolution(
                ("float", "float"), "const float *weights, const float *bias", "float sum = bias[filter];",
                "sum += x[((first + channel) * height + a) * width + b] * weights[((filter * inner + channel) * size + i) * size + j];",
                "sum")
        case .convBytes:
            convolution(
                ("uint8_t", "uint8_t"),
                "const int8_t *weights, const int32_t *bias, const float *factor, int zero, int out_zero, int low",
                "int32_t sum = bias[filter];",
                "sum += ((int32_t)x[((first + channel) * height + a) * width + b] - zero) * weights[((filter * inner + channel) * size + i) * size + j];",
                "to_byte((float)sum * factor[filter], out_zero, low)")
        case .dense:
            """
            static void dense(const float *x, float *y, int inputs, int units, const float *weights, const float *bias) {
                int i, j;
                for (i = 0; i < units; i++) {
                    float sum = bias[i];
                    for (j = 0; j < inputs; j++) sum += x[j] * weights[i * inputs + j];
                    y[i] = sum;
                }
            }

            """
        case .denseBytes:
            """
            static void dense_bytes(const uint8_t *x, uint8_t *y, int inputs, int units, const int8_t *weights, const int32_t *bias, const float *factor, int zero, int out_zero, int low) {
                int i, j;
                for (i = 0; i < units; i++) {
                    int32_t sum = bias[i];
                    for (j = 0; j < inputs; j++) sum += ((int32_t)x[j] - zero) * weights[i * inputs + j];
                    y[i] = to_byte((float)sum * factor[i], out_zero, low);
                }
            }

            """
        case .denseSums:
            """
            static void dense_sums(const uint8_t *x, float *y, int inputs, int units, const int8_t *weights, const int32_t *bias, const float *factor, int zero) {
                int i, j;
                for (i = 0; i < units; i++) {
                    int32_t sum = bias[i];
                    for (j = 0; j < inputs; j++) sum += ((int32_t)x[j] - zero) * weights[i * inputs + j];
                    y[i] = (float)sum * factor[i];
                }
            }

            """
        case .maxPool:
            windows(
                "float", "float most = -INFINITY;",
                "if (x[(channel * height + a) * width + b] > most) most = x[(channel * height + a) * width + b];",
                "most")
        case .maxPoolBytes:
            windows(
                "uint8_t", "uint8_t most = 0;",
                "if (x[(channel * height + a) * width + b] > most) most = x[(channel * height + a) * width + b];",
                "most")
        case .averagePool:
            windows(
                "float", "float sum = 0.0f; int seen = 0;",
                "sum += x[(channel * height + a) * width + b]; seen++;", "sum / (float)seen")
        case .pool2:
            """
            static void pool_2x2(const uint8_t *x, uint8_t *y, int channels, int height, int width) {
                int channel, row, column, i;
                for (channel = 0; channel < channels; channel++)
                    for (row = 0; row < height / 2; row++)
                        for (column = 0; column < width / 2; column++) {
                            uint8_t most = 0;
                            for (i = 0; i < 4; i++) {
                                const uint8_t value = x[(channel * height + row * 2 + i / 2) * width + column * 2 + i % 2];
                                if (value > most) most = value;
                            }
                            y[(channel * (height / 2) + row) * (width / 2) + column] = most;
                        }
            }

            """
        case .globalAverage:
            """
            static void global_average(const float *x, float *y, int channels, int plane) {
                int i, j;
                for (i = 0; i < channels; i++) {
                    float sum = 0.0f;
                    for (j = 0; j < plane; j++) sum += x[i * plane + j];
                    y[i] = sum / (float)plane;
                }
            }

            """
        case .norm:
            """
            static void norm(const float *x, float *y, int channels, int plane, const float *factor, const float *shift) {
                int i, j;
                for (i = 0; i < channels; i++)
                    for (j = 0; j < plane; j++) y[i * plane + j] = x[i * plane + j] * factor[i] + shift[i];
            }

            """
        case .layerNorm:
            """
            static void layer_norm(const float *x, float *y, int count, const float *weight, const float *bias, float epsilon) {
                double mean = 0.0, variance = 0.0;
                int i;
                for (i = 0; i < count; i++) mean += (double)x[i] / count;
                for (i = 0; i < count; i++) variance += ((double)x[i] - mean) * ((double)x[i] - mean) / count;
                for (i = 0; i < count; i++)
                    y[i] = (float)(((double)x[i] - mean) / sqrt(variance + (double)epsilon)) * weight[i] + bias[i];
            }

            """
        case .add:
            """
            static void add(const float *a, const float *b, float *y, int count) {
                int i;
                for (i = 0; i < count; i++) y[i] = a[i] + b[i];
            }

            """
        case .leaky: each("x[i] > 0.0f ? x[i] : slope * x[i]", ", float slope")
        case .elu: each("x[i] > 0.0f ? x[i] : expf(x[i]) - 1.0f")
        case .gelu: each("0.5f * x[i] * (1.0f + erff(x[i] * 0.70710678f))")
        case .silu: each("x[i] / (1.0f + expf(-x[i]))")
        case .sigmoid: each("1.0f / (1.0f + expf(-x[i]))")
        case .tanh: each("tanhf(x[i])")
        case .softmax:
            """
            static void softmax(const float *x, float *y, int count) {
                float most = x[0], sum = 0.0f;
                int i;
                for (i = 1; i < count; i++) if (x[i] > most) most = x[i];
                for (i = 0; i < count; i++) { y[i] = expf(x[i] - most); sum += y[i]; }
                for (i = 0; i < count; i++) y[i] /= sum;
            }

            """
        case .quantize:
            """
            static void quantize(const float *x, uint8_t *y, int count, float scale, int zero, int low) {
                int i;
                for (i = 0; i < count; i++) {
                    float value = rintf(x[i] / scale) + (float)zero;
                    if (isnan(value)) value = (float)zero;
                    if (value < (float)low) value = (float)low;
                    if (value > 255.0f) value = 255.0f;
                    y[i] = (uint8_t)value;
                }
            }

            """
        case .dequantize:
            """
            static void dequantize(const uint8_t *x, float *y, int count, float scale, int zero) {
                int i;
                for (i = 0; i < count; i++) y[i] = (float)((int)x[i] - zero) * scale;
            }

            """
        case .byte:
            """
            static uint8_t to_byte(float value, int zero, int low) {
                value = rintf(value) + (float)zero;
                if (value < (float)low) value = (float)low;
                if (value > 255.0f) value = 255.0f;
                return (uint8_t)value;
            }

            """
        case .table:
            """
            static void table(const uint8_t *x, uint8_t *y, int count, const uint8_t *values) {
                int i;
                for (i = 0; i < count; i++) y[i] = values[x[i]];
            }

            """
        }
    }
}
