// IDX, the format of MNIST and its relatives: big-endian header, then bytes; often gzipped.
// http://yann.lecun.com/exdb/mnist
import CImages
import Engine

enum IDXFiles {
    static let maximumFileBytes = 8 << 30
    private static let imagesMagic: UInt32 = 0x0000_0803
    private static let labelsMagic: UInt32 = 0x0000_0801

    /// Whether the first bytes of a file are those of an IDX file, plain or gzipped.
    static func looksLike(_ start: [UInt8]) -> Bool {
        if start.starts(with: [0x1f, 0x8b]) {
            var head = [UInt8](repeating: 0, count: 4)
            var error = [CChar](repeating: 0, count: Int(WB_ERROR_BYTES))
            return wb_gunzip(start, start.count, &head, 4, &error) == 4 && looksLike(head)
        }
        return start.count >= 4 && start[0] == 0 && start[1] == 0 && (0x08...0x0e).contains(start[2]) && start[3] > 0
            && start[3] < 8
    }

    /// Whether a file's name says that it holds images (`train-images-idx3-ubyte`, `train-images.idx3-ubyte`, `.gz`).
    static func isImagesName(_ name: String) -> Bool {
        let name = name.lowercased()
        return name.contains("images") && name.contains("idx3")
    }

    // MARK: Finding the files

    /// A folder with training images and labels and, if there are any, test images and labels.
    static func load(folder: DiskPath, name: String) throws(DatasetError) -> Dataset {
        var parts: [(images: DiskPath, isTest: Bool)] = []
        for file in try FileBytes.names(in: folder) {
            let text = String(decoding: file, as: UTF8.self).lowercased()
            guard isImagesName(text) else { continue }
            // A plain file is preferred to the gzipped one that it came from.
            if parts.last.map({ DiskPath(bytes: $0.images.bytes + Array(".gz".utf8)) }) == folder.appending(file) {
                continue
            }
            parts.append((folder.appending(file), text.contains("t10k") || text.contains("test")))
        }
        let train = parts.filter { !$0.isTest }
        let test = parts.filter { $0.isTest }
        guard train.count <= 1, test.count <= 1 else {
            throw .ambiguous(path: folder.text, candidates: parts.map(\.images.name))
        }
        guard let train = train.first else {
            throw .partnerMissing(path: test.first?.images.text ?? folder.text, needed: "train-images-idx3-ubyte")
        }
        let files = test.isEmpty ? "2 IDX files" : "4 IDX files"
        return try load(
            [train.images] + test.map(\.images), name: name, origin: "\(files) in \(folder.text)",
            path: folder.text)
    }

    /// One images file, with its labels file beside it.
    static func load(images: DiskPath, name: String) throws(DatasetError) -> Dataset {
        guard isImagesName(images.name) else {
            throw .partnerMissing(
                path: images.text, needed: "a labels file (names: …-images-idx3-ubyte and …-labels-idx1-ubyte)")
        }
        return try load([images], name: name, origin: "2 IDX files in \(images.parent.text)", path: images.text)
    }

    private static func labelsFile(for images: DiskPath) throws(DatasetError) -> DiskPath {
        var name = images.name.replacing("images", with: "labels").replacing("idx3", with: "idx1")
        name = name.replacing("Images", with: "Labels")
        if name.hasSuffix(".gz") { name.removeLast(3) }
        for candidate in [name, name + ".gz"] {
            let path = images.parent.appending(candidate)
            if FileBytes.exists(path) { return path }
        }
        throw .partnerMissing(path: images.text, needed: name)
    }

    // MARK: Reading them

    private static func load(
        _ imageFiles: [DiskPath], name: String, origin: String, path: String
    ) throws(DatasetError) -> Dataset {
        var pixels: [UInt8] = []
        var labels: [UInt8] = []
        var size: ImageDimensions?
        var trainCount = 0
        for (part, file) in imageFiles.enumerated() {
            let (images, dimensions) = try readImages(file)
            let labelsPath = try labelsFile(for: file)
            let partLabels = try readLabels(labelsPath)
            guard dimensions.count == partLabels.count else {
                throw .countsDiffer(
                    images: file.text, imageCount: dimensions.count, labels: labelsPath.text,
                    labelCount: partLabels.count)
            }
            if let size, size.height != dimensions.height || size.width != dimensions.width {
                throw .sizesDiffer(
                    first: imageFiles[0].text, firstSize: "\(size.height)x\(size.width)", second: file.text,
                    secondSize: "\(dimensions.height)x\(dimensions.width)")
            }
            size = dimensions
            if part == 0 {
                trainCount = partLabels.count
                pixels = images
                labels = partLabels
            } else {
                pixels += images
                labels += partLabels
            }
        }
        guard let size, !labels.isEmpty else { throw .empty(path: path) }
        // Classes are the labels that occur: EMNIST's letters begin at 1.
        let values = Set(labels).sorted()
        guard values.count > 1 else { throw .tooFewClasses(path: path, found: values.map(String.init)) }
        var index = [Int32](repeating: 0, count: 256)
        for (position, value) in values.enumerated() { index[Int(value)] = Int32(position) }
        return Dataset(
            name: name, shape: .image(channels: 1, height: size.height, width: size.width),
            classes: values.map(String.init), features: .bytes(pixels), labels: labels.map { index[Int($0)] },
            officialTest: imageFiles.count > 1 ? trainCount..<labels.count : nil, origin: origin)
    }

    struct ImageDimensions {
        var count: Int
        var height: Int
        var width: Int
    }

    /// The pixels of an images file, row by row.
    static func readImages(_ path: DiskPath) throws(DatasetError) -> (pixels: [UInt8], dimensions: ImageDimensions) {
        let (bytes, sizes) = try read(path, magic: imagesMagic, what: "images (three dimensions of bytes)")
        return (bytes, ImageDimensions(count: sizes[0], height: sizes[1], width: sizes[2]))
    }

    private static func readLabels(_ path: DiskPath) throws(DatasetError) -> [UInt8] {
        try read(path, magic: labelsMagic, what: "labels (one dimension of bytes)").values
    }

    private static func read(
        _ path: DiskPath, magic: UInt32, what: String
    ) throws(DatasetError) -> (values: [UInt8], sizes: [Int]) {
        let raw = try FileBytes.read(path, limit: maximumFileBytes)
        let isPacked = raw.starts(with: [0x1f, 0x8b])
        let rank = Int(magic & 0xff)
        let headBytes = 4 + 4 * rank
        let head = isPacked ? try unpack(raw, path, atMost: headBytes) : Array(raw.prefix(headBytes))
        func word(_ index: Int) -> UInt32 { head[4 * index..<4 * index + 4].reduce(0) { $0 << 8 | UInt32($1) } }
        guard head.count >= 4 else {
            throw .damaged(path: path.text, problem: "it ends within the first four bytes")
        }
        guard word(0) == magic else {
            throw .damaged(
                path: path.text,
                problem: "it begins with \(hex(word(0))), but IDX \(what) begin with \(hex(magic))")
        }
        guard head.count == headBytes else {
            throw .damaged(path: path.text, problem: "it ends within its header of \(headBytes) bytes")
        }
        let sizes = (1...rank).map { Int(word($0)) }
        var count = 1
        for size in sizes {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow, product <= maximumFileBytes else {
                throw .damaged(path: path.text, problem: "its header asks for \(sizes) values, too many to be true")
            }
            count = product
        }
        guard count > 0 else { throw .empty(path: path.text) }
        // One byte more than expected shows whether there is more.
        let found: Int
        let values: [UInt8]
        if isPacked {
            try MemoryBudget.check("unpacking \(path.text)", bytes: count)
            let bytes = try unpack(raw, path, atMost: headBytes + count + 1)
            found = bytes.count - headBytes
            values = Array(bytes.dropFirst(headBytes))
        } else {
            found = raw.count - headBytes
            values = Array(raw.dropFirst(headBytes))
        }
        guard found == count else {
            throw .damaged(
                path: path.text,
                problem: found < count
                    ? "it ends early: its header promises \(count) bytes of values, \(found) are there"
                    : "more bytes follow than the \(count) that its header promises")
        }
        return (values, sizes)
    }

    private static func unpack(_ raw: [UInt8], _ path: DiskPath, atMost count: Int) throws(DatasetError) -> [UInt8] {
        var error = [CChar](repeating: 0, count: Int(WB_ERROR_BYTES))
        var written: Int64 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            guard let base = buffer.baseAddress else { return }
            written = wb_gunzip(raw, raw.count, base, count, &error)
            initialized = max(0, Int(written))
        }
        guard written >= 0 else { throw .damaged(path: path.text, problem: text(of: error)) }
        return bytes
    }

    private static func hex(_ word: UInt32) -> String {
        let digits = String(word, radix: 16)
        return "0x" + String(repeating: "0", count: 8 - digits.count) + digits
    }
}

/// The text in a C error buffer.
func text(of error: [CChar]) -> String {
    String(decoding: error.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
