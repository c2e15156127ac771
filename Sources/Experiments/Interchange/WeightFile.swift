// WeightFile: the tensors of a safetensors file of any program as float32, and which of them is which array of a network.
import Engine
import Foundation

/// What a safetensors file of any program holds. Integers, such as PyTorch's counters of batches, are left out.
struct WeightFile {
    /// In the order of their bytes.
    var tensors: [TensorRecord] = []
    var metadata: [String: String]

    private static let elementBytes = [
        "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2, "I8": 1,
        "U8": 1, "BOOL": 1,
    ]

    /// - Throws: ``SafeTensorsError``, ``ImportError`` for numbers that float32 can't hold.
    init(_ data: Data, path: String) throws {
        metadata = [:]
        try data.withUnsafeBytes { bytes in
            let (entries, metadata, values) = try SafeTensorsHeader.read(bytes, types: Self.elementBytes)
            self.metadata = metadata
            for entry in entries {
                let part = UnsafeRawBufferPointer(rebasing: values[entry.begin..<entry.end])
                guard let numbers = Self.floats(part, type: entry.type) else { continue }
                tensors.append(TensorRecord(name: entry.name, shape: entry.shape, values: numbers))
            }
        }
    }

    /// nil: they are whole numbers.
    private static func floats(_ bytes: UnsafeRawBufferPointer, type: String) -> [Float]? {
        func all<Value: BitwiseCopyable>(_: Value.Type, _ float: (Value) -> Float) -> [Float] {
            stride(from: 0, to: bytes.count, by: MemoryLayout<Value>.size).map {
                float(bytes.loadUnaligned(fromByteOffset: $0, as: Value.self))
            }
        }
        return switch type {
        case "F64": all(Double.self) { Float($0) }
        case "F32": all(Float.self) { $0 }
        case "F16": all(UInt16.self) { Float(Float16(bitPattern: $0)) }
        case "BF16": all(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
        default: nil
        }
    }
}

/// Which tensor of another program is which array of a network.
struct TensorMatching {
    let path: String

    /// What is called how in the programs of the world, by what it is called here.
    private static let suffixes: [String: Set<String>] = [
        "weight": ["weight", "kernel", "gamma", "scale"], "bias": ["bias", "beta"],
        "mean": ["running_mean", "moving_mean", "mean"],
        "variance": ["running_var", "moving_variance", "running_variance", "variance"],
    ]

    /// The tensors of one layer.
    private struct Group {
        var prefix: String
        var members: [String: TensorRecord] = [:]
        var isTaken = false
    }

    /// `tensors` under the names of the arrays of `network`: those of a layer belong together by their names, and each layer of the
    /// network takes the first ones with its shapes; "10" comes after "9".
    func match(_ tensors: [TensorRecord], to network: Network) throws(ImportError) -> [ParameterValues] {
        var groups: [Group] = []
        var places: [String: Int] = [:]
        for tensor in tensors {
            let cut = tensor.name.lastIndex { $0 == "." || $0 == "/" }
            let prefix = cut.map { String(tensor.name[..<$0]) } ?? ""
            let suffix = cut.map { String(tensor.name[tensor.name.index(after: $0)...]) } ?? tensor.name
            let role = Self.suffixes.first { $0.value.contains(suffix) }?.key ?? suffix
            let place = places[prefix] ?? groups.count
            if place == groups.count {
                places[prefix] = place
                groups.append(Group(prefix: prefix))
            }
            // Two that mean the same, "kernel" beside "weight": both stay, and the group fits no layer.
            groups[place].members[groups[place].members[role] == nil ? role : tensor.name] = tensor
        }
        groups.sort { Self.precedes($0.prefix, $1.prefix) }
        var values: [ParameterValues] = []
        var missing: [String] = []
        for layer in network.layers where !layer.parameters.isEmpty {
            let wanted = Dictionary(
                layer.parameters.map { (Self.role(of: $0), $0) }, uniquingKeysWith: { first, _ in first })
            let found = groups.firstIndex { group in
                !group.isTaken && group.members.count == wanted.count
                    && wanted.allSatisfy { group.members[$0.key]?.shape == $0.value.shape }
            }
            guard let found else {
                missing += layer.parameters.map(\.name)
                continue
            }
            groups[found].isTaken = true
            for shape in layer.parameters {
                guard let tensor = groups[found].members[Self.role(of: shape)] else { continue }
                values.append(ParameterValues(name: shape.name, shape: shape.shape, values: tensor.values))
            }
        }
        guard missing.isEmpty else {
            throw .lacksTensors(path: path, missing: missing, found: values.count)
        }
        let spare = groups.filter { !$0.isTaken }.flatMap { $0.members.values.map(\.name) }.sorted()
        guard spare.isEmpty else { throw .spareTensors(path: path, spare: spare) }
        return values
    }

    private static func role(of shape: ParameterShape) -> String {
        String(shape.name.split(separator: ".").last ?? "")
    }

    /// Runs of digits compare as numbers: "block_9" is before "block_10".
    static func precedes(_ a: String, _ b: String) -> Bool {
        let (x, y) = (pieces(a), pieces(b))
        for (left, right) in zip(x, y) where left != right {
            switch (left, right) {
            case (.text(let left), .text(let right)): return left < right
            // Of two runs of digits without leading zeros the longer is the larger number.
            case (.digits(let left), .digits(let right)):
                return left.count == right.count ? left < right : left.count < right.count
            case (.digits, .text): return true
            case (.text, .digits): return false
            }
        }
        return x.count == y.count ? a < b : x.count < y.count
    }

    private enum Piece: Equatable {
        case digits(String), text(String)
    }

    private static func pieces(_ text: String) -> [Piece] {
        func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
        var pieces: [Piece] = []
        var rest = Substring(text).unicodeScalars
        while let first = rest.first {
            let run = rest.prefix { isDigit($0) == isDigit(first) }
            pieces.append(
                isDigit(first) ? .digits(String(Substring(run.drop { $0 == "0" }))) : .text(String(Substring(run))))
            rest = rest.dropFirst(run.count)
        }
        return pieces
    }
}
