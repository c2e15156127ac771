// SafeTensorsHeader: the strict reading of a safetensors header, before any value is copied.

import Foundation

enum SafeTensorsHeader {
    /// Where a tensor lies; `begin` and `end` count from the start of the values.
    struct Entry {
        var name: String
        /// Element type, one of ``RawTensors/elementBytes``.
        var type = "F32"
        var shape: [Int]
        var begin: Int
        var end: Int
    }

    /// Header length, JSON header padded to a multiple of 8, and room for the values, which the caller appends.
    static func write(_ entries: [Entry], metadata: [String: String]) -> Data {
        precondition(Set(entries.map(\.name)).count == entries.count, "two tensors have the same name")
        var header = JSONText()
        if !metadata.isEmpty {
            var texts = JSONText()
            for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { texts.add(key, value) }
            header.add("__metadata__", raw: texts.closed())
        }
        for tensor in entries {
            var entry = JSONText()
            entry.add("dtype", tensor.type)
            entry.add("shape", tensor.shape)
            entry.add("data_offsets", [tensor.begin, tensor.end])
            header.add(tensor.name, raw: entry.closed())
        }
        var text = Array(header.closed().utf8)
        while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
        var data = Data(capacity: 8 + text.count + (entries.last?.end ?? 0))
        withUnsafeBytes(of: UInt64(text.count).littleEndian) { data.append(contentsOf: $0) }
        data.append(contentsOf: text)
        return data
    }

    /// Entries in the order of their bytes, metadata, and the bytes of the values.
    /// - Parameter types: element types that are read, with their bytes.
    static func read(
        _ bytes: UnsafeRawBufferPointer, types: [String: Int]
    ) throws(SafeTensorsError) -> ([Entry], [String: String], UnsafeRawBufferPointer) {
        guard bytes.count >= 8 else { throw .headerPastEnd(length: 8, available: bytes.count) }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length <= UInt64(SafeTensors.maximumHeaderBytes) else { throw .headerTooLong(length: length) }
        guard let headerCount = Int(exactly: length), headerCount <= bytes.count - 8 else {
            throw .headerPastEnd(length: length, available: bytes.count - 8)
        }
        let header = UnsafeRawBufferPointer(rebasing: bytes[8..<8 + headerCount])
        let values = UnsafeRawBufferPointer(rebasing: bytes[(8 + headerCount)...])
        guard header.first == UInt8(ascii: "{") else { throw .headerNotObject }
        guard isUTF8(header) else { throw .headerNotUTF8 }
        var (entries, metadata) = try parse(header, types)
        entries.sort { ($0.begin, $0.end) < ($1.begin, $1.end) }
        try checkCover(entries, available: values.count)
        return (entries, metadata, values)
    }

    private static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        while true {
            switch decoder.decode(&iterator) {
            case .scalarValue: continue
            case .emptyInput: return true
            case .error: return false
            }
        }
    }

    /// Either half of what may go wrong in the header: bad JSON, or good JSON that says something forbidden.
    private static func parse(
        _ header: UnsafeRawBufferPointer, _ types: [String: Int]
    ) throws(SafeTensorsError) -> ([Entry], [String: String]) {
        var cursor = JSONCursor(header)
        var entries: [Entry] = []
        var metadata: [String: String] = [:]
        // The cursor throws only faults of JSON; a fault of meaning is kept here and stops it.
        var meaning: SafeTensorsError?
        do throws(JSONFault) {
            try cursor.object { (cursor, key) throws(JSONFault) in
                if key == "__metadata__" {
                    try cursor.object { (cursor, key) throws(JSONFault) in
                        metadata[key] = try cursor.string()
                    }
                    return
                }
                switch try entry(named: key, types, &cursor) {
                case .success(let entry): entries.append(entry)
                case .failure(let error): meaning = error
                }
                if meaning != nil { throw cursor.fault("an entry was refused") }
            }
            // Writers pad the header with spaces.
            if cursor.peek() != nil { throw cursor.fault("something follows the object") }
        } catch {
            throw meaning ?? .headerNotJSON(reason: error.reason, offset: error.offset)
        }
        return (entries, metadata)
    }

    private static func entry(
        named name: String, _ types: [String: Int], _ cursor: inout JSONCursor
    ) throws(JSONFault) -> Result<Entry, SafeTensorsError> {
        var type: String?
        var shape: [Int]?
        var offsets: [Int]?
        try cursor.object { (cursor, key) throws(JSONFault) in
            switch key {
            case "dtype": type = try cursor.string()
            case "shape": shape = try integers(&cursor, atMost: SafeTensors.maximumDimensions)
            case "data_offsets": offsets = try integers(&cursor, atMost: 2)
            default: try cursor.skip()
            }
        }
        guard let type else { return .failure(.badEntry(tensor: name, reason: "it has no dtype")) }
        guard let shape else { return .failure(.badEntry(tensor: name, reason: "it has no shape")) }
        guard let offsets, offsets.count == 2 else {
            return .failure(.badEntry(tensor: name, reason: "it has no two data_offsets"))
        }
        if let negative = (shape + offsets).first(where: { $0 < 0 }) {
            return .failure(.negative(tensor: name, number: negative))
        }
        guard let elementBytes = types[type] else { return .failure(.unsupportedType(tensor: name, type: type)) }
        guard offsets[0] <= offsets[1] else {
            return .failure(.beginAfterEnd(tensor: name, begin: offsets[0], end: offsets[1]))
        }
        var bytes = elementBytes
        for length in shape {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: length)
            if overflow { return .failure(.shapeOverflow(tensor: name)) }
            bytes = product
        }
        guard bytes == offsets[1] - offsets[0] else {
            return .failure(.sizeMismatch(tensor: name, shape: shape, bytes: offsets[1] - offsets[0]))
        }
        return .success(Entry(name: name, type: type, shape: shape, begin: offsets[0], end: offsets[1]))
    }

    /// An array of whole numbers; one that Int cannot hold is a fault.
    private static func integers(_ cursor: inout JSONCursor, atMost limit: Int) throws(JSONFault) -> [Int] {
        var integers: [Int] = []
        try cursor.array { (cursor) throws(JSONFault) in
            guard integers.count < limit else { throw cursor.fault("an array has more than \(limit) numbers") }
            guard case .integer(let integer) = try cursor.number() else {
                throw cursor.fault("a whole number below 2^63 was expected")
            }
            integers.append(integer)
        }
        return integers
    }

    /// The tensors, in order, must cover all bytes of the values, each once.
    private static func checkCover(_ entries: [Entry], available: Int) throws(SafeTensorsError) {
        var covered = 0
        for entry in entries {
            guard entry.end <= available else {
                throw .endPastFile(tensor: entry.name, end: entry.end, available: available)
            }
            guard entry.begin >= covered else {
                throw .overlap(tensor: entry.name, begin: entry.begin, previousEnd: covered)
            }
            guard entry.begin == covered else {
                throw .hole(tensor: entry.name, begin: entry.begin, previousEnd: covered)
            }
            covered = entry.end
        }
        if covered < available { throw .trailingBytes(count: available - covered) }
    }
}
