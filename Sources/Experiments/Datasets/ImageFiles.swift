// PNG and JPEG files, many at a time on all processors: what their headers say, then their pixels.
import CImages
import Engine
import Synchronization

/// A PNG or JPEG file that is looked at: where it is, and its content where that was read for its header already.
struct ImageFile: Sendable {
    let path: DiskPath
    fileprivate(set) var content: [UInt8]?
    /// What its header says; nil: not looked at, or broken.
    fileprivate(set) var header: ImageHeader?
    /// Why it cannot be used.
    fileprivate(set) var problem: String?

    init(path: DiskPath) { self.path = path }

    /// The file as a data set lists it; nil: it can be used.
    var skipped: SkippedFile? { problem.map { SkippedFile(path: path.text, reason: $0) } }
}

/// What an image's header says; palettes count as colour.
struct ImageHeader: Sendable, Equatable {
    var size: ImageSize
    var isGrey: Bool
}

extension ImageSize {
    fileprivate var pixels: Int { height * width }
}

enum ImageFiles {
    static let maximumFileBytes = 512 << 20
    /// A header fits in here unless a large colour profile or preview comes before it.
    private static let headBytes = 64 << 10
    /// Small files are kept from the first look to the second up to this sum, so that each is read only once.
    static let keptBytes = 256 << 20
    /// Most bytes a pixel while one file is decoded: a progressive JPEG's coefficients, its pixels, and its planes.
    private static let decodingBytes = 13

    /// Whether a file is taken for an image: `.png`, `.jpg` or `.jpeg` at the end of its name, in any case.
    static func isName(_ name: [UInt8]) -> Bool {
        let end = name.suffix(5).map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
        return [".png", ".jpg", ".jpeg"].contains { end.reversed().starts(with: $0.utf8.reversed()) }
    }

    /// Whether the first bytes of a file are those of a PNG or JPEG file.
    static func looksLike(_ start: [UInt8]) -> Bool {
        start.starts(with: [0x89, 0x50, 0x4e, 0x47]) || start.starts(with: [0xff, 0xd8, 0xff])
    }

    /// The image files in a folder, sorted by the bytes of their names.
    static func list(_ folder: DiskPath) throws(DatasetError) -> [ImageFile] {
        try FileBytes.names(in: folder).filter(isName).map { ImageFile(path: folder.appending($0)) }
    }

    // MARK: Headers

    /// Looks at each file's header; a file that is no readable image gets a `problem`.
    /// - Parameter keeping: bytes of small files that may be kept for their pixels.
    static func readHeaders(_ files: [ImageFile], keeping: Int = keptBytes) -> [ImageFile] {
        let kept = Atomic(0)
        return concurrentMap(files.count) { index in
            var file = files[index]
            do throws(DatasetError) {
                var bytes = try FileBytes.read(file.path, limit: maximumFileBytes, prefix: headBytes)
                var isWhole = bytes.count < headBytes
                var header = header(of: bytes)
                if case .failure = header, !isWhole {
                    bytes = try FileBytes.read(file.path, limit: maximumFileBytes)
                    isWhole = true
                    header = self.header(of: bytes)
                }
                switch header {
                case .success(let header): file.header = header
                case .failure(let problem): file.problem = problem.text
                }
                // Which files are kept depends on the threads; what comes out does not.
                let size = bytes.count
                if isWhole, file.problem == nil, kept.add(size, ordering: .relaxed).newValue <= keeping {
                    file.content = bytes
                }
            } catch {
                file.problem = error.withoutPath
            }
            return file
        }
    }

    private static func header(of bytes: [UInt8]) -> Result<ImageHeader, ImageProblem> {
        var info = wb_image_info()
        var error = [CChar](repeating: 0, count: Int(WB_ERROR_BYTES))
        guard wb_image_header(bytes, bytes.count, &info, &error) else { return .failure(ImageProblem(error)) }
        let size = ImageSize(height: Int(info.height), width: Int(info.width))
        return .success(ImageHeader(size: size, isGrey: info.channels == 1))
    }

    // MARK: Pixels

    /// The pixels of all usable `files`, whose headers were read, as planes: each image `channels` x `size`. Files that
    /// turn out to be broken get a `problem` and no place among the pixels. Throws when memory would not do.
    static func decode(
        _ files: inout [ImageFile], channels: Int, size: ImageSize
    ) throws(DatasetError) -> [UInt8] {
        let bytes = channels * size.height * size.width
        let usable = files.indices.filter { files[$0].problem == nil }
        // Beside the results, each processor holds one image as it is in its file.
        let largest = usable.map { files[$0].header?.size.pixels ?? 0 }.max() ?? 0
        let inWork = min(usable.count, Machine.processors) * largest * decodingBytes
        try MemoryBudget.check(
            "\(usable.count) images of \(size.height)x\(size.width)", bytes: usable.count * bytes + inWork)
        var problems: [String?] = []
        let source = files
        let pixels = [UInt8](unsafeUninitializedCapacity: usable.count * bytes) { buffer, initialized in
            guard let base = buffer.baseAddress else { return }
            // Each image has a place of its own, so no two threads write to one byte.
            nonisolated(unsafe) let target = base
            problems = concurrentMap(usable.count) { index in
                decode(source[usable[index]], channels: channels, size: size, into: target + index * bytes)
            }
            // Broken images leave gaps: the later ones move up.
            var count = 0
            for index in usable.indices where problems[index] == nil {
                if count < index { (target + count * bytes).update(from: target + index * bytes, count: bytes) }
                count += 1
            }
            initialized = count * bytes
        }
        for (index, problem) in zip(usable, problems) { files[index].problem = problem }
        for index in files.indices { files[index].content = nil }
        return pixels
    }

    /// Bytes of pixels that are decoded at once while files are looked through.
    private static let scanBytes = 32 << 20

    /// Decodes all usable `files` once, a piece at a time, and forgets the pixels: files that turn out to be broken get a
    /// `problem`. Throws when memory would not do.
    /// - Returns: SHA-256 of the pixels that ``decode(_:channels:size:)`` would give.
    static func scan(_ files: inout [ImageFile], channels: Int, size: ImageSize) throws(DatasetError) -> String {
        let bytes = channels * size.height * size.width
        let usable = files.indices.filter { files[$0].problem == nil }
        let piece = max(Machine.processors, min(1024, scanBytes / bytes))
        let largest = usable.map { files[$0].header?.size.pixels ?? 0 }.max() ?? 0
        try MemoryBudget.check(
            "\(piece) images of \(size.height)x\(size.width)",
            bytes: piece * bytes + min(piece, Machine.processors) * largest * decodingBytes)
        let target = UnsafeMutablePointer<UInt8>.allocate(capacity: piece * bytes)
        defer { target.deallocate() }
        let digest = SHA256.Stream()
        for start in stride(from: 0, to: usable.count, by: piece) {
            let part = usable[start..<min(start + piece, usable.count)]
            let source = part.map { files[$0] }
            // Each image has a place of its own, so no two threads write to one byte.
            nonisolated(unsafe) let places = target
            let problems = concurrentMap(source.count) { index in
                decode(source[index], channels: channels, size: size, into: places + index * bytes)
            }
            for (place, (index, problem)) in zip(part, problems).enumerated() {
                files[index].problem = problem
                files[index].content = nil
                if problem == nil { digest.add(UnsafeRawBufferPointer(start: target + place * bytes, count: bytes)) }
            }
        }
        return digest.hex()
    }

    /// One image's planes into `target`; returns what is wrong with the file, nil: nothing.
    static func decode(
        _ file: ImageFile, channels: Int, size: ImageSize, into target: UnsafeMutablePointer<UInt8>
    ) -> String? {
        do throws(DatasetError) {
            let bytes =
                if let content = file.content { content } else {
                    try FileBytes.read(file.path, limit: maximumFileBytes)
                }
            return decode(bytes, channels: channels, size: size, into: target)
        } catch {
            return error.withoutPath
        }
    }

    /// The planes of the PNG or JPEG file in `bytes` into `target`, `channels` x `size`, stretched where it has another
    /// size; returns what is wrong with the file, nil: nothing.
    static func decode(
        _ bytes: [UInt8], channels: Int, size: ImageSize, into target: UnsafeMutablePointer<UInt8>
    ) -> String? {
        var error = [CChar](repeating: 0, count: Int(WB_ERROR_BYTES))
        let done = wb_image_decode(
            bytes, bytes.count, Int32(channels), Int32(size.height), Int32(size.width), target, &error)
        return done ? nil : text(of: error)
    }
}

/// What libpng or libjpeg says against a file.
private struct ImageProblem: Error {
    let text: String
    init(_ error: [CChar]) { text = Experiments.text(of: error) }
}

extension DatasetError {
    /// The reason alone, for lists that name the file already.
    fileprivate var withoutPath: String {
        switch self {
        case .unreadable(_, let reason): reason
        case .fileTooLarge(_, let bytes, let limit): "it has \(bytes) bytes, more than the \(limit) that are read"
        default: description
        }
    }
}
