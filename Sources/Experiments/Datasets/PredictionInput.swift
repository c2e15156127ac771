// New examples for a trained model: files that it has never seen, read as its preprocessing needs them.
import Engine

/// Unlabelled examples in the raw shape of a model.
public struct PredictionInput: Sendable, Equatable {
    /// Where each example comes from: a file's path, or `FILE:row N` for rows of a table and images of an IDX file,
    /// counted from 1.
    public let names: [String]
    /// Images as planes of 0 to 255, (C, H, W) as the model's raw shape; or table rows in the order of its columns.
    public let features: FeatureStorage
    /// Files of a folder that could not be used.
    public let skipped: [SkippedFile]

    /// Number of examples.
    public var count: Int { names.count }

    /// Reads the examples at `path` for a model with this preprocessing; `-` is standard input.
    ///
    /// - A model of images takes a PNG or JPEG file, a folder of them (where none lies at the top, those one level
    ///   down), an IDX images file, plain or gzipped, or one PNG or JPEG file from standard input. Images get the
    ///   model's channels, and its size by stretching. Broken files of a folder are skipped.
    /// - A model of tables takes a CSV file. Columns are found by their names, others are ignored, the label is not
    ///   needed. A category that the model does not know counts as missing.
    ///
    /// - Throws: ``DatasetError``: no such file, a kind that the model does not take, columns that are not there, text
    ///   among numbers, a broken file (in a folder: when no usable one is left), no examples at all.
    public init(path: String, for preprocessing: Preprocessing) throws(DatasetError) {
        if path == "-" {
            let limit = preprocessing.rawShape.isImage ? ImageFiles.maximumFileBytes : CSVTable.maximumFileBytes
            self = try Self(standardInput: FileBytes.readStandardInput(limit: limit), for: preprocessing)
            return
        }
        let path = DiskPath(path)
        switch (try FileBytes.entry(at: path), preprocessing.rawShape) {
        case (.other, _): throw .unreadable(path: path.text, reason: "it is neither a file nor a folder")
        case (.file, .image(let channels, let height, let width)):
            self = try Self(imagesIn: path, channels, ImageSize(height: height, width: width))
        case (.folder, .image(let channels, let height, let width)):
            self = try Self(folder: path, channels, ImageSize(height: height, width: width))
        case (.file, .vector):
            let start = try FileBytes.read(path, limit: .max - 1, prefix: 4096)
            if ImageFiles.looksLike(start) || IDXFiles.looksLike(start) {
                throw .otherKind(path: path.text, expected: Self.expected(preprocessing.columns))
            }
            let bytes = try FileBytes.read(path, limit: CSVTable.maximumFileBytes)
            self = try Self(csv: bytes, path: path.text, preprocessing.columns)
        case (.folder, .vector):
            throw .otherKind(path: path.text, expected: Self.expected(preprocessing.columns))
        }
    }

    /// The examples in `bytes`, which came from standard input.
    init(standardInput bytes: [UInt8], for preprocessing: Preprocessing) throws(DatasetError) {
        let name = "standard input"
        if bytes.isEmpty { throw .empty(path: name) }
        switch preprocessing.rawShape {
        case .image(let channels, let height, let width):
            guard ImageFiles.looksLike(bytes) else {
                throw .otherKind(path: name, expected: "one PNG or JPEG image from there")
            }
            self = try Self(image: bytes, name: name, channels, ImageSize(height: height, width: width))
        case .vector:
            if ImageFiles.looksLike(bytes) {
                throw .otherKind(path: name, expected: Self.expected(preprocessing.columns))
            }
            self = try Self(csv: bytes, path: name, preprocessing.columns)
        }
    }

    private init(names: [String], features: FeatureStorage, skipped: [SkippedFile] = []) {
        self.names = names
        self.features = features
        self.skipped = skipped
    }

    // MARK: Images

    private static let expectedImages = "PNG or JPEG images, a folder of them, or an IDX images file"

    private init(imagesIn path: DiskPath, _ channels: Int, _ size: ImageSize) throws(DatasetError) {
        let start = try FileBytes.read(path, limit: .max - 1, prefix: 4096)
        if IDXFiles.looksLike(start) {
            self = try Self(idx: path, channels, size)
        } else if ImageFiles.looksLike(start) || ImageFiles.isName(Array(path.name.utf8)) {
            let bytes = try FileBytes.read(path, limit: ImageFiles.maximumFileBytes)
            self = try Self(image: bytes, name: path.text, channels, size)
        } else {
            throw .otherKind(path: path.text, expected: Self.expectedImages)
        }
    }

    /// One PNG or JPEG file.
    private init(image bytes: [UInt8], name: String, _ channels: Int, _ size: ImageSize) throws(DatasetError) {
        let count = channels * size.height * size.width
        var problem: String?
        let pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            guard let base = buffer.baseAddress else { return }
            problem = ImageFiles.decode(bytes, channels: channels, size: size, into: base)
            if problem == nil { initialized = count }
        }
        if let problem { throw .damaged(path: name, problem: problem) }
        self.init(names: [name], features: .bytes(pixels))
    }

    private init(folder: DiskPath, _ channels: Int, _ size: ImageSize) throws(DatasetError) {
        var files = try ImageFiles.list(folder)
        if files.isEmpty {
            for name in try FileBytes.names(in: folder) where FileBytes.isFolder(folder.appending(name)) {
                files += try ImageFiles.list(folder.appending(name))
            }
        }
        if files.isEmpty { throw .otherKind(path: folder.text, expected: Self.expectedImages) }
        files = ImageFiles.readHeaders(files)
        let pixels = try ImageFiles.decode(&files, channels: channels, size: size)
        let skipped = files.compactMap(\.skipped)
        if skipped.count == files.count {
            throw .mostlyBroken(
                path: folder.text, broken: skipped.count, total: files.count, example: skipped[0])
        }
        let names = files.filter { $0.problem == nil }.map(\.path.text)
        self.init(names: names, features: .bytes(pixels), skipped: skipped)
    }

    private init(idx path: DiskPath, _ channels: Int, _ size: ImageSize) throws(DatasetError) {
        let (grey, dimensions) = try IDXFiles.readImages(path)
        let count = dimensions.count
        let plane = size.height * size.width
        try MemoryBudget.check("the images in \(path.text)", bytes: count * plane * channels)
        var pixels = try ImagePreparation.stretch(
            grey, count: count, channels: 1, from: ImageSize(height: dimensions.height, width: dimensions.width),
            to: size)
        if channels > 1 {
            let planes = pixels
            pixels = []
            pixels.reserveCapacity(count * plane * channels)
            for index in 0..<count {
                for _ in 0..<channels { pixels += planes[index * plane..<(index + 1) * plane] }
            }
        }
        self.init(names: Self.rows(of: path.text, count: count), features: .bytes(pixels))
    }

    // MARK: Tables

    private static func expected(_ columns: [Column]) -> String {
        "a CSV file with the \(columns.count == 1 ? "column" : "columns") \(listed(columns.map(\.name)))"
    }

    private init(csv bytes: [UInt8], path: String, _ columns: [Column]) throws(DatasetError) {
        let table = try CSVTable(bytes, path: path)
        let places = Dictionary(uniqueKeysWithValues: zip(table.names, table.names.indices))
        let missing = columns.map(\.name).filter { places[$0] == nil }
        if !missing.isEmpty { throw .modelColumnsMissing(path: path, missing: missing) }
        guard table.rowCount > 0 else { throw .empty(path: path) }
        try MemoryBudget.check("the table \(path)", bytes: table.rowCount * columns.count * 4)
        var values = [Float](repeating: .nan, count: table.rowCount * columns.count)
        for (position, column) in columns.enumerated() {
            guard let place = places[column.name] else { continue }
            try TableLoader.fill(
                &values, at: position, of: columns.count, as: column.kind, from: place, in: table)
        }
        self.init(names: Self.rows(of: path, count: table.rowCount), features: .floats(values))
    }

    private static func rows(of path: String, count: Int) -> [String] { (1...count).map { "\(path):row \($0)" } }
}

extension TensorShape {
    var isImage: Bool {
        if case .image = self { true } else { false }
    }
}
