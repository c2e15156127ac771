// Specs written back as text read as the same.
import Engine
import Testing

@testable import Experiments

@Suite struct SpecTextTests {
    private static let frame = "name: t\ndata: {dataset: digits}\nnetwork: [flatten, dense: {units: classes}]\n"

    private func back(_ layers: [LayerSpec]) throws -> [LayerSpec] {
        try SpecFile.parse(yaml: Self.frame, file: "t", overrides: [("network", SpecText.network(layers))]).spec.network
    }

    @Test(arguments: Presets.all) func presetsComeBack(_ preset: Preset) throws {
        let (spec, _) = try SpecFile.parse(yaml: preset.yaml, file: preset.name)
        let (again, text) = try SpecFile.parse(
            yaml: preset.yaml, file: preset.name,
            overrides: [("network", SpecText.network(spec.network)), ("data", SpecText.data(spec.data))])
        #expect(again == spec)
        #expect(try SpecFile.parse(yaml: text, file: preset.name).spec == spec)
    }

    @Test func everyKindOfLayerComesBack() throws {
        var conv = ConvolutionSpec(filters: 12, kernel: 5)
        (conv.stride, conv.padding, conv.dilation, conv.groups) = (2, .explicit(3), 4, 3)
        (conv.hasBias, conv.activation, conv.initializer) = (false, .leakyReLU(slope: 0.3), .orthogonal)
        var separable = conv
        separable.groups = 1
        var depthwise = separable
        depthwise.filters = 0
        let activations = Activation.named.map(\.activation).filter { $0 != .linear }
        let layers: [LayerSpec] =
            [
                .conv(conv), .conv(filters: 1, kernel: 1), .separableConv(separable), .depthwiseConv(depthwise),
                .maxPool(size: 3, stride: 2, padding: .same), .averagePool(size: 3, stride: 1, padding: .explicit(1)),
                .batchNorm(momentum: 1e-4, epsilon: 1e-12, activation: .leakyReLU(slope: 1e-6)), .batchNorm(),
                .residual(
                    [
                        .conv(filters: 8, kernel: 3),
                        .residual([.batchNorm(activation: .gelu), .dropout(rate: 0.1)], activation: .linear),
                    ], activation: .leakyReLU(slope: 0.25)),
                .residual([.activation(.silu)]), .layerNorm(epsilon: 3.0e-7),
            ] + activations.filter { $0 != .softmax }.map { .activation($0) } + [
                .activation(.leakyReLU(slope: 0.125)), .globalAveragePool,
            ] + activations.map { .dense(units: 7, activation: $0, initializer: .heNormal) } + [
                .dropout(rate: 0), .dropout(rate: 0.333_333_34), .activation(.softmax),
                .dense(units: nil, initializer: .zeros),
            ]
        #expect(try back(layers) == layers)
        #expect(try back([.flatten, .dense(units: nil)]) == [.flatten, .dense(units: nil)])
    }

    /// Any numbers in any layer.
    @Test func drawnNetworksComeBack() throws {
        var random = CounterRandom(seed: 7, purpose: .benchmark)
        func pick<Value>(_ values: [Value]) -> Value { values[Int(random.below(UInt32(values.count)))] }
        func number(_ range: ClosedRange<Int>) -> Int { range.lowerBound + Int(random.below(UInt32(range.count))) }
        func fraction() -> Float { Float(random.next32() >> 8) / Float(1 << 24) }
        func activation() -> Activation {
            pick([.linear, .relu, .elu, .gelu, .silu, .sigmoid, .tanh, .leakyReLU(slope: fraction())])
        }
        func padding() -> Padding { pick([.valid, .same, .explicit(number(0...254))]) }
        func convolution(_ filters: Int) -> ConvolutionSpec {
            var conv = ConvolutionSpec(filters: filters, kernel: number(1...255))
            (conv.stride, conv.padding, conv.dilation) = (number(1...255), padding(), number(1...64))
            (conv.hasBias, conv.activation) = (number(0...1) == 1, activation())
            conv.initializer = pick(Initializer.allCases)
            return conv
        }
        func layer(_ depth: Int) -> LayerSpec {
            switch number(0...(depth < 4 ? 8 : 7)) {
            case 0:
                var conv = convolution(number(1...65536))
                conv.groups = number(1...65536)
                return .conv(conv)
            case 1: return .separableConv(convolution(number(1...65536)))
            case 2: return .depthwiseConv(convolution(0))
            case 3:
                let size = number(1...255)
                return .maxPool(size: size, stride: number(1...255), padding: .explicit(number(0...(size - 1))))
            case 4: return .averagePool(size: number(1...255), stride: number(1...255), padding: pick([.same, .valid]))
            case 5:
                return .batchNorm(
                    momentum: max(fraction(), 1e-7), epsilon: max(fraction() * 1e-6, 1e-30), activation: activation())
            case 6: return .layerNorm(epsilon: max(fraction() * 1e-3, 1e-30))
            case 7: return .dropout(rate: fraction())
            default: return .residual((0...number(0...3)).map { _ in layer(depth + 1) }, activation: activation())
            }
        }
        for _ in 0..<200 {
            let layers =
                (0..<number(1...12)).map { _ in layer(0) } + [
                    .flatten, .dense(units: number(1...1_000_000), activation: activation()), .dense(units: nil),
                ]
            #expect(try back(layers) == layers)
        }
    }

    /// What a name or a path may hold.
    @Test(arguments: [
        "plain", "", " a: b ", "\"q\" 'q' \\ # - {x}", "line\nbreak\r\ttab", "\u{0}\u{7}\u{1b}[31m\u{7f}\u{85}\u{9b}",
        "é ü 漢 🎈 \u{2028}\u{2029}\u{feff}", "null", "12", "&a *a !x %y @z `",
    ])
    func hostileTextsComeBack(_ text: String) throws {
        var data = DataSpec(dataset: "csv")
        (data.path, data.target, data.ignore) = ("/tmp/\(text)x", "t\(text)", ["i\(text)", "j"])
        (data.testFraction, data.validationFraction, data.seed) = (0.123_456_789_012_345_6, 1e-3, .max)
        let (spec, _) = try SpecFile.parse(
            yaml: "name: \(SpecFile.quoted("n\(text)"))\n" + Self.frame.dropFirst("name: t\n".count), file: "t",
            overrides: [("data", SpecText.data(data))])
        #expect(spec.name == "n\(text)" && spec.data == data)
    }
}
