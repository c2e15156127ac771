// CExport: a trained network as C99 without dependencies and without malloc, for devices.
import Engine
import Foundation

/// Writes C.
public enum CExport {
    /// The files NAME.c, NAME.h and NAME_main.c, which reads one example from standard input and prints what is predicted.
    /// - Parameter quantized: the network in bytes, computed in integers; nil: float32.
    /// - Returns: each with its name; `name` without what C can't have in a name.
    public static func files(
        _ network: Network, weights: [ParameterValues], quantized: QuantizedModel? = nil, preprocessing: Preprocessing,
        loss: LossSpec, name: String
    ) -> [(name: String, bytes: Data)] {
        let prefix = CProgram.identifier(name)
        var writer = Writer(program: CProgram(prefix: prefix), preprocessing: preprocessing)
        let last: Int
        if let quantized {
            last = writer.bytes(quantized)
        } else {
            last = writer.layers(network, weights)
        }
        let source = writer.source(last: last, outputs: network.classes, loss)
        let isImage = preprocessing.rawShape.isImage
        let upper = prefix.uppercased()
        let outputs = loss.isRegression ? network.classes : max(2, network.classes)
        let inputs = preprocessing.rawShape.count
        let type = isImage ? "uint8_t" : "float"
        let header = """
            /* Written by workbench. \(isImage ? "An image is bytes 0 to 255: channels, then rows, then columns." : "A row has a number a column; a category is its place in the list of levels, NAN is missing.")
               Needs \(writer.program.constantBytes) bytes of constants and \(source.memory) bytes of memory, which are static. */
            #ifndef \(upper)_H
            #define \(upper)_H
            #include <stdint.h>
            #define \(upper)_INPUTS \(inputs)
            #define \(upper)_OUTPUTS \(outputs)
            #define \(upper)_CONSTANT_BYTES \(writer.program.constantBytes)
            #define \(upper)_MEMORY_BYTES \(source.memory)
            extern const char *const \(prefix)_names[\(max(1, preprocessing.classes.count))];
            /* Takes \(upper)_INPUTS values. \(loss.isRegression ? "Gives the predicted numbers in their own units." : "Gives the probability of each class.") */
            void \(prefix)_predict(const \(type) *input, float *output);
            #endif

            """
        let names = (preprocessing.classes.isEmpty ? [""] : preprocessing.classes).map(CProgram.literal)
        let body = """
            /* Written by workbench. */
            #include "\(prefix).h"
            #include <math.h>
            const char *const \(prefix)_names[\(names.count)] = {\(names.joined(separator: ", "))};

            """ + source.text
        let reads =
            isImage
            ? """
                for (i = 0; i < \(upper)_INPUTS; i++) {
                    const int byte = getchar();
                    if (byte == EOF) return 2;
                    input[i] = (uint8_t)byte;
                }
            """
            : """
                for (i = 0; i < \(upper)_INPUTS; i++)
                    if (scanf("%f", &input[i]) != 1) return 2;
            """
        let main = """
            /* Written by workbench: reads one example from standard input, prints what is predicted. */
            #include "\(prefix).h"
            #include <stdio.h>
            int main(void) {
                static \(type) input[\(upper)_INPUTS];
                float output[\(upper)_OUTPUTS];
                int i;
            \(reads)
                \(prefix)_predict(input, output);
                for (i = 0; i < \(upper)_OUTPUTS; i++) printf("%.9g\\n", (double)output[i]);
                return 0;
            }

            """
        return [("\(prefix).c", body), ("\(prefix).h", header), ("\(prefix)_main.c", main)].map {
            ($0.0, Data($0.1.utf8))
        }
    }

    /// Writes one program.
    private struct Writer {
        var program: CProgram
        let preprocessing: Preprocessing
        private var used: Set<CFunction> = []

        init(program: CProgram, preprocessing: Preprocessing) {
            self.program = program
            self.preprocessing = preprocessing
        }

        private mutating func step(
            _ function: CFunction, _ inputs: [Int], _ count: Int, _ element: CProgram.Element, _ rest: String
        ) -> Int {
            used.formUnion([function] + function.needs)
            return program.step(inputs, count, element) { names, output in
                "\(function.rawValue)(\((names + [output]).joined(separator: ", "))\(rest.isEmpty ? "" : ", \(rest)"))"
            }
        }

        // MARK: Input

        /// What the first layer takes, in float32.
        private mutating func prepared() -> Int {
            used.insert(.prepareImage)
            let shape = preprocessing.shape
            if shape.isImage {
                let (scale, shift) = (program.constant(preprocessing.scale), program.constant(preprocessing.shift))
                let plane = shape.count / preprocessing.scale.count
                let channels = preprocessing.scale.count
                return program.step([], shape.count, .float) { _, output in
                    "prepare_image(input, \(output), \(channels), \(plane), \(scale), \(shift))"
                }
            }
            used.remove(.prepareImage)
            used.insert(.prepareRow)
            var (means, deviations, levels): ([Float], [Float], [Int32]) = ([], [], [])
            for encoding in preprocessing.encodings {
                switch encoding {
                case .standardised(let mean, let deviation):
                    (means, deviations, levels) = (means + [mean], deviations + [deviation], levels + [0])
                case .oneHot(let count):
                    (means, deviations, levels) = (means + [0], deviations + [0], levels + [Int32(count)])
                }
            }
            let columns = means.count
            let (a, b, c) = (program.constant(means), program.constant(deviations), program.constant(levels))
            return program.step([], shape.count, .float) { _, output in
                "prepare_row(input, \(output), \(columns), \(a), \(b), \(c))"
            }
        }

        // MARK: Windows

        private static func sides(_ shape: TensorShape) -> (channels: Int, height: Int, width: Int) {
            if case .image(let channels, let height, let width) = shape { return (channels, height, width) }
            return (shape.count, 1, 1)
        }

        /// Channels, rows and columns before; rows and columns after; size, stride, dilation, padding above and to the left.
        private static func window(_ from: TensorShape, _ window: Window) -> (text: String, height: Int, width: Int) {
            let before = sides(from)
            guard let height = window.output(before.height), let width = window.output(before.width) else {
                preconditionFailure("a network's windows fit")
            }
            let (above, left) = (window.pads(before.height).before, window.pads(before.width).before)
            return (
                "\(before.channels), \(before.height), \(before.width), \(height), \(width), \(window.size), \(window.stride), \(window.dilation), \(above), \(left)",
                height, width
            )
        }

        private mutating func activate(_ value: Int, _ activation: Activation, _ count: Int) -> Int {
            let (function, slope): (CFunction, Float)
            switch activation {
            case .linear: return value
            case .relu: (function, slope) = (.leaky, 0)
            case .leakyReLU(let own): (function, slope) = (.leaky, own)
            case .elu: (function, slope) = (.elu, 0)
            case .gelu: (function, slope) = (.gelu, 0)
            case .silu: (function, slope) = (.silu, 0)
            case .sigmoid: (function, slope) = (.sigmoid, 0)
            case .tanh: (function, slope) = (.tanh, 0)
            case .softmax: (function, slope) = (.softmax, 0)
            }
            return step(
                function, [value], count, .float, "\(count)" + (function == .leaky ? ", \(CProgram.number(slope))" : "")
            )
        }

        // MARK: Float32

        mutating func layers(_ written: Network, _ all: [ParameterValues]) -> Int {
            let (network, weights) = written.foldingNorms(all)
            let named = Dictionary(weights.map { ($0.name, $0.values) }, uniquingKeysWith: { first, _ in first })
            var values: [Int: Int] = [-1: prepared()]
            for layer in network.layers {
                let inputs = layer.inputs.compactMap { values[$0] }
                let count = layer.output.count
                func array(_ position: Int) -> [Float] { named[layer.parameters[position].name] ?? [] }
                var (value, activation) = (inputs[0], Activation.linear)
                switch layer.spec {
                case .conv(let conv):
                    let kernel = program.constant(array(0))
                    let bias = program.constant(conv.hasBias ? array(1) : Array(repeating: 0, count: conv.filters))
                    let window = Self.window(layer.input, Window(conv)).text
                    value = step(
                        .conv, inputs, count, .float, "\(window), \(conv.filters), \(conv.groups), \(kernel), \(bias)")
                    activation = conv.activation
                case .dense(_, let own, _):
                    let (kernel, bias) = (program.constant(array(0)), program.constant(array(1)))
                    value = step(.dense, inputs, count, .float, "\(layer.input.count), \(count), \(kernel), \(bias)")
                    activation = own
                case .maxPool(let size, let stride, let padding):
                    value = step(
                        .maxPool, inputs, count, .float,
                        Self.window(layer.input, Window(size: size, stride: stride, padding: padding)).text)
                case .averagePool(let size, let stride, let padding):
                    value = step(
                        .averagePool, inputs, count, .float,
                        Self.window(layer.input, Window(size: size, stride: stride, padding: padding)).text)
                case .globalAveragePool:
                    value = step(.globalAverage, inputs, count, .float, "\(count), \(layer.input.count / count)")
                case .batchNorm(_, let epsilon, let own):
                    let affine = NormFactors((0..<4).map(array), epsilon: epsilon)
                    value = norm(inputs[0], affine.factor, affine.shift, count)
                    activation = own
                case .layerNorm(let epsilon):
                    let (weight, bias) = (program.constant(array(0)), program.constant(array(1)))
                    value = step(
                        .layerNorm, inputs, count, .float, "\(count), \(weight), \(bias), \(CProgram.number(epsilon))")
                case .activation(let own): activation = own
                case .add(let own):
                    value = step(.add, inputs, count, .float, "\(count)")
                    activation = own
                case .flatten, .dropout: break
                case .depthwiseConv, .separableConv, .residual:
                    preconditionFailure("\(layer.name) is taken apart before")
                }
                values[layer.index] = activate(value, activation, count)
            }
            return values[network.layers.count - 1] ?? 0
        }

        private mutating func norm(_ value: Int, _ factor: [Float], _ shift: [Float], _ count: Int) -> Int {
            let (a, b) = (program.constant(factor), program.constant(shift))
            return step(.norm, [value], count, .float, "\(factor.count), \(count / factor.count), \(a), \(b)")
        }

        // MARK: Bytes

        mutating func bytes(_ model: QuantizedModel) -> Int {
            func affine(_ index: Int) -> Affine { index < 0 ? model.input : model.nodes[index].output }
            func shape(_ index: Int) -> TensorShape { index < 0 ? model.inputShape : model.nodes[index].shape }
            let first = prepared()
            var values: [Int: Int] = [-1: quantize(first, model.input, model.inputShape.count, low: 0)]
            for (index, node) in model.nodes.enumerated() {
                let source = node.inputs[0]
                let inputs = node.inputs.compactMap { values[$0] }
                let (from, to) = (affine(source), node.output)
                let (before, count) = (shape(source), node.shape.count)
                let low = node.relu ? to.zero : 0
                let ending = "\(to.zero), \(low)"
                switch node.operation {
                case .conv(let conv, let weights, let bias):
                    let window = Self.window(before, Window(conv))
                    let arrays =
                        "\(program.constant(weights.values)), \(program.constant(bias)), \(program.constant(factors(weights, from, to)))"
                    let pixels = conv.filters * window.height * window.width
                    var value = step(
                        .convBytes, inputs, pixels, .byte,
                        "\(window.text), \(conv.filters), \(conv.groups), \(arrays), \(from.zero), \(ending)")
                    if node.isPooled {
                        value = step(
                            .pool2, [value], count, .byte, "\(conv.filters), \(window.height), \(window.width)")
                    }
                    values[index] = value
                case .dense(let weights, let bias):
                    let arrays = "\(program.constant(weights.values)), \(program.constant(bias))"
                    if model.givesLogits(index) {
                        let steps = program.constant(weights.scales.map { Float(Double(from.scale) * Double($0)) })
                        values[index] = step(
                            .denseSums, inputs, count, .float,
                            "\(before.count), \(count), \(arrays), \(steps), \(from.zero)")
                    } else {
                        let steps = program.constant(factors(weights, from, to))
                        values[index] = step(
                            .denseBytes, inputs, count, .byte,
                            "\(before.count), \(count), \(arrays), \(steps), \(from.zero), \(ending)")
                    }
                case .maxPool(let size, let stride, let padding):
                    values[index] = step(
                        .maxPoolBytes, inputs, count, .byte,
                        Self.window(before, Window(size: size, stride: stride, padding: padding)).text)
                case .flatten: values[index] = inputs[0]
                case .activation(let activation) where activation != .softmax:
                    let table = program.constant(QuantizedModel.table(activation, from: from, to: to))
                    values[index] = step(.table, inputs, count, .byte, "\(count), \(table)")
                default:
                    let wide = node.inputs.map { input -> Int in
                        let own = affine(input)
                        return step(
                            .dequantize, [values[input] ?? 0], shape(input).count, .float,
                            "\(shape(input).count), \(CProgram.number(own.scale)), \(own.zero)")
                    }
                    let found = floats(node, wide, before)
                    values[index] = model.givesLogits(index) ? found : quantize(found, to, count, low: low)
                }
            }
            let last = model.nodes.count - 1
            let value = values[last] ?? 0
            if model.givesLogits(last) { return value }
            let own = affine(last)
            return step(
                .dequantize, [value], shape(last).count, .float,
                "\(shape(last).count), \(CProgram.number(own.scale)), \(own.zero)")
        }

        private func factors(_ weights: QuantizedWeights, _ from: Affine, _ to: Affine) -> [Float] {
            weights.scales.map { Float(Double(from.scale) * Double($0) / Double(to.scale)) }
        }

        private mutating func quantize(_ value: Int, _ affine: Affine, _ count: Int, low: Int32) -> Int {
            step(
                .quantize, [value], count, .byte,
                "\(count), \(CProgram.number(affine.scale)), \(affine.zero), \(low)")
        }

        /// A node that is computed in float32 between bytes.
        private mutating func floats(_ node: QuantizedModel.Node, _ inputs: [Int], _ before: TensorShape) -> Int {
            let count = node.shape.count
            switch node.operation {
            case .floatConv(let conv, let weights, let bias):
                let window = Self.window(before, Window(conv))
                let arrays = "\(program.constant(weights)), \(program.constant(bias))"
                let value = step(
                    .conv, inputs, conv.filters * window.height * window.width, .float,
                    "\(window.text), \(conv.filters), \(conv.groups), \(arrays)")
                guard node.isPooled else { return value }
                let pooled = TensorShape.image(channels: conv.filters, height: window.height, width: window.width)
                return step(
                    .maxPool, [value], count, .float,
                    Self.window(pooled, Window(size: 2, stride: 2, padding: .valid)).text)
            case .floatDense(let weights, let bias):
                return step(
                    .dense, inputs, count, .float,
                    "\(before.count), \(count), \(program.constant(weights)), \(program.constant(bias))")
            case .averagePool(let size, let stride, let padding):
                return step(
                    .averagePool, inputs, count, .float,
                    Self.window(before, Window(size: size, stride: stride, padding: padding)).text)
            case .globalAveragePool:
                return step(.globalAverage, inputs, count, .float, "\(count), \(before.count / count)")
            case .norm(let factor, let shift): return norm(inputs[0], factor, shift, count)
            case .layerNorm(let weight, let bias, let epsilon):
                return step(
                    .layerNorm, inputs, count, .float,
                    "\(count), \(program.constant(weight)), \(program.constant(bias)), \(CProgram.number(epsilon))")
            case .activation(let activation): return activate(inputs[0], activation, count)
            case .add: return step(.add, inputs, count, .float, "\(count)")
            case .conv, .dense, .maxPool, .flatten: preconditionFailure("computed in bytes")
            }
        }

        // MARK: The text

        func source(last: Int, outputs: Int, _ loss: LossSpec) -> (text: String, memory: Int) {
            let (lines, memory, output) = program.lines(last: last)
            var ending = "    {\n        const float *const logits = \(output);\n        int i;\n"
            switch loss {
            case .softmaxCrossEntropy:
                ending += """
                            float most = logits[0], sum = 0.0f;
                            for (i = 1; i < \(outputs); i++) if (logits[i] > most) most = logits[i];
                            for (i = 0; i < \(outputs); i++) { output[i] = expf(logits[i] - most); sum += output[i]; }
                            for (i = 0; i < \(outputs); i++) output[i] /= sum;

                    """
            case .binaryCrossEntropy:
                ending += """
                            i = 0;
                            output[1] = 1.0f / (1.0f + expf(-logits[i]));
                            output[0] = 1.0f - output[1];

                    """
            case .meanSquaredError, .huber:
                let target = preprocessing.target ?? TargetScaling(mean: 0, deviation: 1)
                ending +=
                    "        for (i = 0; i < \(outputs); i++) output[i] = (float)((double)logits[i] * \(target.deviation) + \(target.mean));\n"
            }
            ending += "    }\n"
            let functions = CFunction.allCases.filter(used.contains).map(\.text).joined(separator: "\n")
            let type = preprocessing.rawShape.isImage ? "uint8_t" : "float"
            let floats = max(4, (memory + 3) / 4)
            let text = """
                \(program.constantsText)
                static union {
                    float floats[\(floats)];
                    uint8_t bytes[\(floats * 4)];
                } memory;

                \(functions)
                void \(program.prefix)_predict(const \(type) *input, float *output) {
                \(lines)\(ending)}

                """
            return (text, floats * 4)
        }
    }
}
