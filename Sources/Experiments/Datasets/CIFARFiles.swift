// CIFAR-10's binary version: records of one label byte and 3,072 pixel bytes, planes R, G, B of 32x32, row by row.
// https://www.cs.toronto.edu/~kriz/cifar.html
import Engine

enum CIFARFiles {
    static let recordBytes = 1 + 3 * 32 * 32
    static let maximumFileBytes = 1 << 30
    /// The folder that the archive unpacks to.
    static let archiveFolder = "cifar-10-batches-bin"
    private static let trainNames = (1...5).map { "data_batch_\($0).bin" }
    private static let testName = "test_batch.bin"
    private static let classesName = "batches.meta.txt"
    private static let classes = [
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ]

    /// Whether a file's name says that it holds CIFAR-10 records (`data_batch_1.bin`, `test_batch.bin`).
    static func isBatchName(_ name: String) -> Bool {
        name.hasSuffix(".bin") && (name.contains("data_batch") || name.contains("test_batch"))
    }

    // MARK: Finding the files

    /// The folder with the batches: `folder`, which holds `names`, or the archive's own folder in it; nil: neither.
    static func batchesFolder(_ folder: DiskPath, names: [String]) -> DiskPath? {
        if names.contains(where: isBatchName) { return folder }
        let inner = folder.appending(archiveFolder)
        return names.contains(archiveFolder) && FileBytes.isFolder(inner) ? inner : nil
    }

    /// The five training batches and, if it is there, the test batch.
    static func load(folder: DiskPath, name: String) throws(DatasetError) -> Dataset {
        let files = try FileBytes.names(in: folder).map { String(decoding: $0, as: UTF8.self) }
        if let missing = trainNames.first(where: { !files.contains($0) }) {
            let present = files.first(where: isBatchName) ?? ""
            throw .partnerMissing(path: folder.appending(present).text, needed: missing)
        }
        let batches = files.contains(testName) ? trainNames + [testName] : trainNames
        return try load(
            batches.map { folder.appending($0) }, folder: folder, name: name,
            origin: "\(batches.count) CIFAR-10 files in \(folder.text)")
    }

    /// One batch alone; none of it is set aside for testing.
    static func load(file: DiskPath, name: String) throws(DatasetError) -> Dataset {
        try load([file], folder: file.parent, name: name, origin: "CIFAR-10 file \(file.text)")
    }

    // MARK: Reading them

    private static func load(
        _ files: [DiskPath], folder: DiskPath, name: String, origin: String
    ) throws(DatasetError) -> Dataset {
        let classes = try classNames(in: folder)
        var total = 0
        for file in files {
            if case .file(let bytes) = try FileBytes.entry(at: file) { total += bytes }
        }
        try MemoryBudget.check("the CIFAR-10 images in \(folder.text)", bytes: total)
        var pixels: [UInt8] = []
        var labels: [Int32] = []
        var testStart: Int?
        pixels.reserveCapacity(total)
        for file in files {
            if files.count > 1 && file.name == testName { testStart = labels.count }
            try append(file, to: &pixels, &labels)
        }
        return Dataset(
            name: name, shape: .image(channels: 3, height: 32, width: 32), classes: classes,
            features: .bytes(pixels), labels: labels, officialTest: testStart.map { $0..<labels.count },
            origin: origin)
    }

    private static func append(
        _ file: DiskPath, to pixels: inout [UInt8], _ labels: inout [Int32]
    ) throws(DatasetError) {
        let bytes = try FileBytes.read(file, limit: maximumFileBytes)
        guard !bytes.isEmpty else { throw .empty(path: file.text) }
        guard bytes.count % recordBytes == 0 else {
            throw .damaged(
                path: file.text,
                problem: "it ends within record \(bytes.count / recordBytes + 1): \(bytes.count) bytes are no multiple "
                    + "of the \(recordBytes) of a CIFAR-10 record")
        }
        for start in stride(from: 0, to: bytes.count, by: recordBytes) {
            guard bytes[start] < classes.count else {
                throw .damaged(
                    path: file.text,
                    problem: "record \(start / recordBytes + 1) has the label \(bytes[start]), but CIFAR-10's labels "
                        + "are 0 to 9")
            }
            labels.append(Int32(bytes[start]))
            pixels += bytes[start + 1..<start + recordBytes]
        }
    }

    /// The names in batches.meta.txt, one a line; the well-known ones where there is no such file.
    private static func classNames(in folder: DiskPath) throws(DatasetError) -> [String] {
        let path = folder.appending(classesName)
        guard FileBytes.exists(path) else { return classes }
        let text = String(decoding: try FileBytes.read(path, limit: 1 << 16), as: UTF8.self)
        let names = text.split(whereSeparator: \.isNewline).map(String.init).filter { !$0.allSatisfy(\.isWhitespace) }
        guard names.count == classes.count, Set(names).count == classes.count else {
            throw .damaged(path: path.text, problem: "it must name ten different classes, one a line")
        }
        return names
    }
}
