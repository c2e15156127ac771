// NPYArray: the values of an .npy file, wherever it lies: by itself or in an .npz archive.

/// An array whose head is known and whose values are read when they are wanted.
struct NPYSource {
    enum Place {
        case file(DiskPath)
        case entry(ZipArchive, ZipArchive.Entry)
    }
    let place: Place
    /// What messages call it.
    let path: String
    let header: NPYHeader

    /// Reads the head, and refuses an array whose size is another than it says; nothing else is read or unpacked.
    init(_ place: Place) throws(DatasetError) {
        self.place = place
        let head: [UInt8]
        let size: Int
        switch place {
        case .file(let file):
            path = file.text
            guard case .file(let bytes) = try FileBytes.entry(at: file) else {
                throw .unreadable(path: path, reason: "it is not a regular file")
            }
            size = bytes
            head = try FileBytes.read(file, limit: NPYFiles.maximumFileBytes, prefix: NPYHeader.maximumLength)
        case .entry(let archive, let entry):
            path =
                "\(archive.path), array \(entry.name.hasSuffix(".npy") ? String(entry.name.dropLast(4)) : entry.name)"
            size = entry.size
            head = try archive.prefix(of: entry, NPYHeader.maximumLength)
        }
        do throws(NPYHeader.Fault) {
            header = try NPYHeader(head)
        } catch {
            throw .damaged(path: path, problem: error.problem)
        }
        guard size - header.length == header.valueBytes else {
            throw .damaged(
                path: path,
                problem: "its header promises \(header.valueBytes) bytes of values, \(size - header.length) are there")
        }
    }

    /// The bytes of the values alone, in an array with room for so many.
    func readValues(reserving capacity: Int) throws(DatasetError) -> [UInt8] {
        var bytes = try readBytes(reserving: capacity + header.length)
        bytes.removeFirst(header.length)
        return bytes
    }

    /// All of it.
    func read() throws(DatasetError) -> NPYArray { NPYArray(header: header, bytes: try readBytes(reserving: 0)) }

    private func readBytes(reserving capacity: Int) throws(DatasetError) -> [UInt8] {
        let bytes: [UInt8]
        switch place {
        case .file(let file): bytes = try FileBytes.read(file, limit: NPYFiles.maximumFileBytes)
        case .entry(let archive, let entry): bytes = try archive.unpack(entry, reserving: capacity)
        }
        // A file can change between two looks.
        guard bytes.count == header.length + header.valueBytes else {
            throw .damaged(path: path, problem: "it changes while it is read")
        }
        return bytes
    }
}

/// Values of any of the types, by their place in the file: the first value is at 0.
struct NPYArray {
    let header: NPYHeader
    /// With the head.
    let bytes: [UInt8]

    /// Values between neighbours along each dimension.
    var strides: [Int] {
        var strides = header.shape
        var next = 1
        for dimension in header.isFortran ? Array(header.shape.indices) : header.shape.indices.reversed() {
            strides[dimension] = next
            next *= header.shape[dimension]
        }
        return strides
    }

    /// The bits of a value, as many as it has bytes.
    private func bits(_ place: Int) -> UInt64 {
        let size = header.element.bytes
        let start = header.length + place * size
        var bits: UInt64 = 0
        for byte in 0..<size {
            bits = bits << 8 | UInt64(bytes[start + (header.isBigEndian ? byte : size - 1 - byte)])
        }
        return bits
    }

    /// A byte of a type of one byte.
    func byte(_ place: Int) -> UInt8 { bytes[header.length + place] }

    func double(_ place: Int) -> Double {
        let bits = bits(place)
        return switch header.element {
        case .boolean: bits == 0 ? 0 : 1
        case .unsigned: Double(bits)
        case .signed(let bytes): Double(Self.signed(bits, bytes))
        case .float(2): Double(Float16(bitPattern: UInt16(bits)))
        case .float(4): Double(Float(bitPattern: UInt32(bits)))
        case .float: Double(bitPattern: bits)
        }
    }

    /// nil: it is no whole number, or too large.
    func integer(_ place: Int) -> Int? {
        switch header.element {
        case .boolean: bits(place) == 0 ? 0 : 1
        case .unsigned: Int(exactly: bits(place))
        case .signed(let bytes): Self.signed(bits(place), bytes)
        case .float: Int(exactly: double(place))
        }
    }

    private static func signed(_ bits: UInt64, _ bytes: Int) -> Int {
        let shift = UInt64(64 - 8 * bytes)
        return Int(Int64(bitPattern: bits << shift) >> Int64(shift))
    }
}
