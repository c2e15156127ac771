// Folders of PNG and JPEG files, one folder a class: ROOT/CLASS/*, or ROOT/train/CLASS/* with ROOT/test/CLASS/*.
import Engine

enum ImageFolder {
    /// All images under `folder`, decoded on all processors. Only these two levels are read, and of them only names
    /// that end in .png, .jpg or .jpeg; hidden names are left out.
    ///
    /// Classes are the class folders sorted by the bytes of their names; examples follow the classes, then the file
    /// names. The test folder is the official test part. A validation folder (`val`, `valid`, `validation`) belongs to
    /// the training part, from which the spec takes its own validation split; where there is no test folder it is what
    /// the makers held back, so it is the official test part.
    ///
    /// Images get `resize` as their size, else the one that all have; and one channel when `grey` is set or the headers
    /// of all say grey, else three. Files that cannot be used are listed in `skipped`.
    ///
    /// Streamed images are decoded once here, to find the broken ones and for the digest, which is that of the images in memory;
    /// then again when they are wanted. They are streamed when `stream` says so, and when all would take more than half of
    /// `memory`. The cache never gets more than half of it.
    static func load(
        _ folder: DiskPath, name: String, resize: ImageSize?, grey: Bool, stream: Bool = false,
        cacheBytes: Int = 512 << 20, memory: Int = MemoryBudget.available
    ) throws(DatasetError) -> Dataset {
        if let resize { try ImagePreparation.check(resize) }
        let layout = try Layout(folder)
        var files = ImageFiles.readHeaders(layout.files, keeping: stream ? 0 : ImageFiles.keptBytes)
        try refuseMostlyBroken(files, in: folder)
        let size: ImageSize
        if let resize { size = resize } else { size = try commonSize(files) }
        let channels = grey || files.allSatisfy { $0.header?.isGrey ?? true } ? 1 : 3
        let exampleBytes = channels * size.height * size.width
        let allBytes = files.count { $0.problem == nil } * exampleBytes
        let streams = stream || allBytes > memory / 2
        var notes: [String] = []
        if streams, !stream {
            notes.append(
                "The images would take \(allBytes >> 20) MiB of the machine's \(memory >> 20) MiB, so they are streamed through a cache of \(cacheBytes >> 20) MiB (data.cache)."
            )
        }
        let features: FeatureStorage
        if streams {
            let digest = try ImageFiles.scan(&files, channels: channels, size: size)
            let source = FolderSource(
                paths: files.filter { $0.problem == nil }.map(\.path), channels: channels, size: size)
            features = .streamed(
                StreamedExamples(
                    source: source, count: source.paths.count, exampleBytes: exampleBytes,
                    cacheBytes: min(cacheBytes, memory / 2), sha256: digest))
        } else {
            features = .bytes(try ImageFiles.decode(&files, channels: channels, size: size))
        }
        try refuseMostlyBroken(files, in: folder)

        let labels = zip(layout.labels, files).filter { $1.problem == nil }.map(\.0)
        let trainCount = files[..<layout.trainCount].count { $0.problem == nil }
        let trained = Set(labels[..<trainCount])
        for (label, path) in layout.trainFolders.enumerated() where !trained.contains(Int32(label)) {
            throw .classEmpty(path: path.text)
        }
        if let test = layout.test, trainCount == labels.count { throw .empty(path: test.text) }
        return Dataset(
            name: name, shape: .image(channels: channels, height: size.height, width: size.width),
            classes: layout.classes.map(shownName), features: features, labels: labels,
            officialTest: layout.test == nil ? nil : trainCount..<labels.count,
            skipped: files.compactMap(\.skipped), origin: "\(labels.count) images in \(folder.text)",
            notes: notes)
    }

    private static func refuseMostlyBroken(_ files: [ImageFile], in folder: DiskPath) throws(DatasetError) {
        let broken = files.compactMap(\.skipped)
        guard broken.count * 2 > files.count else { return }
        throw .mostlyBroken(path: folder.text, broken: broken.count, total: files.count, example: broken[0])
    }

    /// The size of all usable files.
    private static func commonSize(_ files: [ImageFile]) throws(DatasetError) -> ImageSize {
        let usable = files.filter { $0.header != nil }
        guard let first = usable.first, let size = first.header?.size else {
            preconditionFailure("more than half of \(files.count) files are usable")
        }
        for file in usable {
            guard let other = file.header?.size, other != size else { continue }
            throw .sizesDiffer(
                first: first.path.text, firstSize: "\(size.height)x\(size.width)", second: file.path.text,
                secondSize: "\(other.height)x\(other.width)")
        }
        return size
    }

    /// A folder's name as a class name: bytes that are not UTF-8 become \xNN, so that different names stay different.
    private static func shownName(_ bytes: [UInt8]) -> String {
        var parser = Unicode.UTF8.ForwardParser()
        var input = bytes.makeIterator()
        var name = ""
        var position = 0
        while true {
            switch parser.parseScalar(from: &input) {
            case .valid(let scalar):
                name.unicodeScalars.append(Unicode.UTF8.decode(scalar))
                position += scalar.count
            case .error(let length):
                for byte in bytes[position..<position + length] { name += "\\x" + String(byte, radix: 16) }
                position += length
            case .emptyInput: return name
            }
        }
    }
}

/// The usable images of a folder, decoded as the data set has them.
struct FolderSource: ExampleSource {
    let paths: [DiskPath]
    let channels: Int
    let size: ImageSize

    func decode(_ index: Int, into target: UnsafeMutablePointer<UInt8>) throws(ExampleError) {
        let file = ImageFile(path: paths[index])
        if let problem = ImageFiles.decode(file, channels: channels, size: size, into: target) {
            throw .unreadable(path: file.path.text, reason: problem)
        }
    }
}

/// What lies in which class folder, before any file is opened.
private struct Layout {
    /// Names of the class folders, sorted.
    var classes: [[UInt8]] = []
    /// A folder of each class that is trained on.
    var trainFolders: [DiskPath] = []
    /// The training part's files, then the test part's, each in the order of its classes.
    var files: [ImageFile] = []
    var labels: [Int32] = []
    /// How many of the files are the training part's.
    var trainCount = 0
    /// The folder of the test part; nil: none.
    var test: DiskPath?

    init(_ root: DiskPath) throws(DatasetError) {
        let folders = try Self.folders(in: root)
        func part(_ names: [String]) -> DiskPath? {
            folders.first { names.contains($0.name.lowercased()) }
        }
        var trainParts = [root]
        // A folder `train` full of images is a class of that name.
        if let train = part(["train", "training"]), try !Self.folders(in: train).isEmpty {
            let validation = part(["val", "valid", "validation"])
            test = part(["test", "testing"]) ?? validation
            trainParts = [train]
            if let validation, test != validation { trainParts.append(validation) }
        }
        var byName: [[UInt8]: DiskPath] = [:]
        for part in trainParts {
            for folder in try Self.folders(in: part) where byName[folder.lastBytes] == nil {
                byName[folder.lastBytes] = folder
            }
        }
        classes = byName.keys.sorted { $0.lexicographicallyPrecedes($1) }
        trainFolders = classes.compactMap { byName[$0] }
        for part in trainParts { try append(part) }
        trainCount = files.count
        if files.isEmpty { throw .unrecognised(path: root.text) }
        if classes.count < 2 { throw .tooFewClasses(path: root.text, found: trainFolders.map(\.name)) }
        let filled = Set(labels)
        for (label, folder) in trainFolders.enumerated() where !filled.contains(Int32(label)) {
            throw .classEmpty(path: folder.text)
        }
        if let test { try append(test) }
    }

    private mutating func append(_ part: DiskPath) throws(DatasetError) {
        let labels = Dictionary(uniqueKeysWithValues: zip(classes, Int32(0)...))
        for folder in try Self.folders(in: part) {
            guard let label = labels[folder.lastBytes] else { throw .testOnlyClass(path: folder.text) }
            let found = try ImageFiles.list(folder)
            files += found
            self.labels += Array(repeating: label, count: found.count)
        }
    }

    private static func folders(in folder: DiskPath) throws(DatasetError) -> [DiskPath] {
        try FileBytes.names(in: folder).map { folder.appending($0) }.filter(FileBytes.isFolder)
    }
}

extension DiskPath {
    /// What stands after the last slash, as the system knows it.
    fileprivate var lastBytes: [UInt8] { bytes.split(separator: 0x2f).last.map(Array.init) ?? [] }
}
