// VariantFile: a network that was made smaller as safetensors bytes that are small by themselves, and back, bit for bit.
import CImages
import Engine
import Foundation

/// Why bytes are no variant of a network.
public enum VariantFileError: Error, Equatable, CustomStringConvertible {
    case lacks(String)
    case doesNotFit(String)

    public var description: String {
        switch self {
        case .lacks(let what): "The variant's file lacks \(what); make it again with `workbench compare`."
        case .doesNotFit(let what):
            "The variant's \(what) does not fit the network that it was made of; make it again with `workbench compare`."
        }
    }
}

/// The bytes of a variant. An array NAME of the network is there as
/// - `NAME` (F32, F16, BF16, or I8 with `NAME:scale`, a float32 for each output), or `NAME:int4` with `NAME:scale` (float16), or
///   `NAME:palette` with `NAME:places`;
/// - and, where zeros are left out, `NAME:mask` or `NAME:gaps`, which say where the numbers stand (see ``PackedParameter``).
///
/// A network that runs in bytes (metadata `runs` = `bytes`) has norms folded into the layers before them, so that its arrays are
/// others: for each layer, by the name of its first array, I8 as above with `NAME:bias` (I32), or F32 with `NAME:bias` (F32); and
/// `activations:scale` (F32) with `activations:zero` (U8) of the input and of what each step gives.
public enum VariantFile {
    /// Kind of the artifact that holds a variant in a session; its name is that of the recipe.
    public static let artifactKind = "variant"

    /// The bytes.
    /// - Parameter fineTuned: epochs that it was trained on for.
    public static func encode(_ variant: Variant, of base: Network, fineTuned: Int = 0) -> Data {
        var metadata = ["recipe": variant.recipe.name, "fine_tuned_epochs": "\(fineTuned)"]
        let widths = zip(base.layers, variant.network.layers).compactMap { before, after -> String? in
            let (old, new) = (before.parameters.first?.shape.first, after.parameters.first?.shape.first)
            guard let new, old != new, after.parameters.first?.isWeight == true else { return nil }
            return "\(after.index):\(new)"
        }
        if !widths.isEmpty { metadata["widths"] = widths.joined(separator: ",") }
        guard let quantized = variant.quantized else {
            return RawTensors(tensors: variant.packed.flatMap(tensors), metadata: metadata).encoded()
        }
        metadata["runs"] = "bytes"
        return RawTensors(tensors: tensors(quantized, variant.network), metadata: metadata).encoded()
    }

    /// Reads what ``encode(_:of:fineTuned:)`` wrote of a variant of `base`.
    /// - Throws: ``SafeTensorsError``, ``VariantFileError``, ``VariantError``, ``NetworkError``.
    public static func read(_ data: Data, of base: Network) throws -> (variant: Variant, fineTuned: Int) {
        let file = try RawTensors(data)
        guard let name = file.metadata["recipe"] else { throw VariantFileError.lacks("its recipe") }
        let recipe = name == VariantRecipe().name ? VariantRecipe() : try VariantRecipe(name)
        var widths: [Int: Int] = [:]
        for pair in (file.metadata["widths"] ?? "").split(separator: ",") {
            let numbers = pair.split(separator: ":").compactMap { Int($0) }
            guard numbers.count == 2, base.layers.indices.contains(numbers[0]),
                let full = base.layers[numbers[0]].parameters.first?.shape.first, (1...full).contains(numbers[1])
            else { throw VariantFileError.doesNotFit("list of widths") }
            widths[numbers[0]] = numbers[1]
        }
        let network = try Network(base, widths: widths)
        let byName = Dictionary(file.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let epochs = file.metadata["fine_tuned_epochs"].flatMap { Int($0) } ?? 0
        if file.metadata["runs"] == "bytes" {
            return (Variant(recipe, network, quantized: try quantized(network, byName)), epochs)
        }
        let packed = try network.parameters.map { try parameter($0, byName) }
        guard let variant = Variant(recipe, network, packed: packed) else {
            throw VariantFileError.doesNotFit("weights")
        }
        return (variant, epochs)
    }

    // MARK: Networks in bytes

    private static let (activationScales, activationZeros) = ("activations:scale", "activations:zero")

    private static func tensors(_ model: QuantizedModel, _ network: Network) -> [RawTensors.Tensor] {
        func tensor<Value>(_ name: String, _ type: String, _ values: [Value], _ shape: [Int]? = nil)
            -> RawTensors.Tensor
        {
            RawTensors.Tensor(name: name, type: type, shape: shape ?? [values.count], bytes: bytes(values))
        }
        let numbers = model.numbers
        let arrays = network.layers.flatMap { layer -> [RawTensors.Tensor] in
            guard let first = layer.parameters.first else { return [] }
            switch numbers[layer.index] {
            case .bytes(let weights, let bias):
                let packed = PackedParameter(name: first.name, shape: first.shape, weights)
                return tensors(packed) + [tensor(first.name + ":bias", "I32", bias)]
            case .floats(let weights, let bias):
                return [tensor(first.name, "F32", weights, first.shape), tensor(first.name + ":bias", "F32", bias)]
            case nil: return []
            }
        }
        return arrays + [
            tensor(activationScales, "F32", model.activations.map(\.scale)),
            tensor(activationZeros, "U8", model.activations.map { UInt8($0.zero) }),
        ]
    }

    private static func quantized(
        _ network: Network, _ byName: [String: RawTensors.Tensor]
    ) throws(VariantFileError) -> QuantizedModel {
        let scales = try list(byName, activationScales, "F32", Float.self)
        let zeros = try list(byName, activationZeros, "U8", UInt8.self)
        guard scales.count == zeros.count, scales.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw .doesNotFit("scale of activations")
        }
        var numbers: [Int: QuantizedModel.Numbers] = [:]
        for layer in network.layers {
            // Norms that were folded have no numbers of their own.
            guard let first = layer.parameters.first, let kept = byName[first.name + ":bias"] else { continue }
            if kept.type == "F32" {
                numbers[layer.index] = .floats(
                    try list(byName, first.name, "F32", Float.self),
                    try list(byName, first.name + ":bias", "F32", Float.self))
            } else {
                guard let weights = try parameter(first, byName).quantized else { throw .doesNotFit(first.name) }
                numbers[layer.index] = .bytes(
                    weights, bias: try list(byName, first.name + ":bias", "I32", Int32.self))
            }
        }
        let activations = zip(scales, zeros).map { Affine(scale: $0, zero: Int32($1)) }
        guard let model = QuantizedModel(network, activations: activations, numbers: numbers) else {
            throw .doesNotFit("weights in bytes")
        }
        return model
    }

    /// Bytes after gzip at its highest level.
    public static func gzipSize(_ data: Data) -> Int {
        let size = data.withUnsafeBytes { bytes in
            bytes.bindMemory(to: UInt8.self).baseAddress.map { wb_gzip_size($0, bytes.count) } ?? 0
        }
        // Only memory can be missing, and then what is not compressed is what there is.
        return size < 0 ? data.count : Int(size)
    }

    // MARK: Arrays

    private static func bytes<Value>(_ values: [Value]) -> Data { values.withUnsafeBytes { Data($0) } }

    private static func tensors(_ array: PackedParameter) -> [RawTensors.Tensor] {
        func tensor<Value>(_ suffix: String, _ type: String, _ values: [Value], isWhole: Bool = false)
            -> RawTensors.Tensor
        {
            RawTensors.Tensor(
                name: array.name + suffix, type: type,
                shape: isWhole && array.positions == nil ? array.shape : [values.count], bytes: bytes(values))
        }
        var tensors: [RawTensors.Tensor] = []
        switch array.numbers {
        case .f32(let values): tensors = [tensor("", "F32", values, isWhole: true)]
        case .f16(let values): tensors = [tensor("", "F16", values, isWhole: true)]
        case .bf16(let values): tensors = [tensor("", "BF16", values, isWhole: true)]
        case .int8(let values, let scales):
            tensors = [tensor("", "I8", values, isWhole: true), tensor(":scale", "F32", scales)]
        case .int4(let packed, let scales):
            tensors = [tensor(":int4", "U8", packed), tensor(":scale", "F16", scales)]
        case .palette(let list, let packed, _):
            tensors = [tensor(":palette", "F32", list), tensor(":places", "U8", packed)]
        }
        switch array.positions {
        case .mask(let bytes): tensors.append(tensor(":mask", "U8", bytes))
        case .gaps(let bytes): tensors.append(tensor(":gaps", "U8", bytes))
        case nil: break
        }
        return tensors
    }

    private static func list<Value: BitwiseCopyable>(
        _ byName: [String: RawTensors.Tensor], _ name: String, _ type: String, _: Value.Type
    ) throws(VariantFileError) -> [Value] {
        guard let tensor = byName[name], tensor.type == type else {
            throw .lacks("the tensor \(name) of type \(type)")
        }
        let size = MemoryLayout<Value>.size
        return tensor.bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: size).map {
                bytes.loadUnaligned(fromByteOffset: $0, as: Value.self)
            }
        }
    }

    private static func parameter(
        _ shape: ParameterShape, _ byName: [String: RawTensors.Tensor]
    ) throws(VariantFileError) -> PackedParameter {
        let name = shape.name
        func list<Value: BitwiseCopyable>(_ suffix: String, _ type: String, _: Value.Type) throws(VariantFileError)
            -> [Value]
        {
            try Self.list(byName, name + suffix, type, Value.self)
        }
        var positions: PackedParameter.Positions?
        if byName[name + ":mask"] != nil {
            positions = .mask(try list(":mask", "U8", UInt8.self))
        } else if byName[name + ":gaps"] != nil {
            positions = .gaps(try list(":gaps", "U8", UInt8.self))
        }
        let numbers: PackedParameter.Numbers
        if let tensor = byName[name] {
            if positions == nil, tensor.shape != shape.shape { throw .doesNotFit(name) }
            switch tensor.type {
            case "F32": numbers = .f32(try list("", "F32", Float.self))
            case "F16": numbers = .f16(try list("", "F16", UInt16.self))
            case "BF16": numbers = .bf16(try list("", "BF16", UInt16.self))
            default:
                numbers = .int8(try list("", "I8", Int8.self), scales: try list(":scale", "F32", Float.self))
            }
        } else if byName[name + ":int4"] != nil {
            numbers = .int4(try list(":int4", "U8", UInt8.self), scales: try list(":scale", "F16", UInt16.self))
        } else {
            let palette = try list(":palette", "F32", Float.self)
            numbers = .palette(
                palette, packed: try list(":places", "U8", UInt8.self),
                bits: PackedParameter.paletteBits(palette.count))
        }
        return PackedParameter(name: name, shape: shape.shape, positions: positions, numbers: numbers)
    }
}
