// ZipArchive: the entries of a zip file (PKWARE APPNOTE 6.3), strictly, as numpy.savez writes them.
import CImages

/// A zip file in memory. Sizes and places are checked before anything is unpacked.
struct ZipArchive {
    struct Entry {
        var name: String
        /// Of the bytes in the file, which are deflated or as they are.
        var packed: Range<Int>
        var isDeflated: Bool
        /// Bytes once unpacked.
        var size: Int
        var checksum: UInt32
    }

    let bytes: [UInt8]
    let path: String
    private(set) var entries: [Entry] = []

    static let mostEntries = 10_000
    /// Deflate makes at most so many bytes of one (zlib.net/zlib_tech.html).
    private static let mostGrowth = 1032
    private static let endBytes = 22
    private static let directoryBytes = 46
    private static let localBytes = 30

    /// - Throws: ``DatasetError/damaged(path:problem:)``.
    init(_ bytes: [UInt8], path: String) throws(DatasetError) {
        (self.bytes, self.path) = (bytes, path)
        guard let end = findEnd() else { throw damaged("it has no zip directory at its end") }
        let count = number(end + 10, 2)
        let (size, start) = (number(end + 12, 4), number(end + 16, 4))
        guard count != 0xFFFF, size != 0xFFFF_FFFF, start != 0xFFFF_FFFF, !hasLargeEnd(before: end) else {
            throw damaged("it is a zip64 archive, which is not read: save the arrays as .npy files")
        }
        guard number(end + 4, 4) == 0, number(end + 8, 2) == count else {
            throw damaged("it is a part of an archive of several files")
        }
        guard count <= Self.mostEntries else { throw damaged("it has \(count) entries, more than \(Self.mostEntries)") }
        guard start + size == end else { throw damaged("its directory does not lie where its end says") }
        var place = start
        var taken: [Range<Int>] = []
        var names: Set<String> = []
        for _ in 0..<count {
            let (entry, whole) = try entry(&place, directory: start, end: end)
            guard names.insert(entry.name).inserted else {
                throw damaged("the entry \(quoted(entry.name)) is there twice")
            }
            taken.append(whole)
            entries.append(entry)
        }
        guard place == end else { throw damaged("its directory has more bytes than entries") }
        taken.sort { $0.lowerBound < $1.lowerBound }
        for (a, b) in zip(taken, taken.dropFirst()) where b.lowerBound < a.upperBound {
            throw damaged("two of its entries overlap")
        }
    }

    private func damaged(_ problem: String) -> DatasetError { .damaged(path: path, problem: problem) }

    private func quoted(_ name: String) -> String { JSONText.quoted(String(name.prefix(64))) }

    /// A little-endian number; the caller has made sure that it is there.
    private func number(_ place: Int, _ count: Int) -> Int {
        (0..<count).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
    }

    /// The directory's end is the last thing in the file but for a comment, whose length it says.
    private func findEnd() -> Int? {
        guard bytes.count >= Self.endBytes else { return nil }
        let last = bytes.count - Self.endBytes
        for place in stride(from: last, through: max(0, last - 0xFFFF), by: -1)
        where number(place, 4) == 0x0605_4B50 && number(place + 20, 2) == last - place { return place }
        return nil
    }

    private func hasLargeEnd(before end: Int) -> Bool { end >= 20 && number(end - 20, 4) == 0x0706_4B50 }

    /// The entry whose record in the directory is at `place`, and the bytes that it takes with its header.
    private func entry(
        _ place: inout Int, directory: Int, end: Int
    ) throws(DatasetError) -> (Entry, whole: Range<Int>) {
        guard place + Self.directoryBytes <= end, number(place, 4) == 0x0201_4B50 else {
            throw damaged("its directory is cut short")
        }
        let nameBytes = number(place + 28, 2)
        let next = place + Self.directoryBytes + nameBytes + number(place + 30, 2) + number(place + 32, 2)
        guard next <= end else { throw damaged("its directory is cut short") }
        let rawName = bytes[place + Self.directoryBytes..<place + Self.directoryBytes + nameBytes]
        let name = String(decoding: rawName, as: UTF8.self)
        let (flags, method) = (number(place + 8, 2), number(place + 10, 2))
        let (packed, size, local) = (number(place + 20, 4), number(place + 24, 4), number(place + 42, 4))
        let checksum = UInt32(number(place + 16, 4))
        place = next
        guard flags & 1 == 0 else { throw damaged("the entry \(quoted(name)) is encrypted") }
        guard packed != 0xFFFF_FFFF, size != 0xFFFF_FFFF, local != 0xFFFF_FFFF else {
            throw damaged("the entry \(quoted(name)) is a zip64 one, which is not read: save the arrays as .npy files")
        }
        guard method == 0 || method == 8 else {
            throw damaged(
                "the entry \(quoted(name)) is packed by method \(method); only stored and deflated ones are read")
        }
        guard local + Self.localBytes <= directory, number(local, 4) == 0x0403_4B50 else {
            throw damaged("the entry \(quoted(name)) does not lie where the directory says")
        }
        // The sizes here may be filled in only in the directory (numpy leaves them so), the rest is the same.
        let start = local + Self.localBytes + number(local + 26, 2) + number(local + 28, 2)
        guard start + packed <= directory, number(local + 8, 2) == method, number(local + 26, 2) == nameBytes,
            bytes[local + Self.localBytes..<local + Self.localBytes + nameBytes].elementsEqual(rawName)
        else { throw damaged("the entry \(quoted(name)) and the directory say different things") }
        guard method == 0 ? size == packed : size <= packed * Self.mostGrowth else {
            throw damaged("the entry \(quoted(name)) can't become \(size) bytes out of \(packed)")
        }
        let entry = Entry(
            name: name, packed: start..<start + packed, isDeflated: method == 8, size: size, checksum: checksum)
        return (entry, local..<start + packed)
    }

    /// The first `count` bytes of an entry, or all where it is shorter; checksums are not looked at.
    func prefix(of entry: Entry, _ count: Int) throws(DatasetError) -> [UInt8] {
        let count = min(count, entry.size)
        guard entry.isDeflated else { return Array(bytes[entry.packed.prefix(count)]) }
        return try inflate(entry, capacity: count).bytes
    }

    /// The bytes of an entry, whose checksum is right. The caller has seen that ``Entry/size`` bytes can be had.
    /// - Parameter capacity: what the array has room for at least.
    func unpack(_ entry: Entry, reserving capacity: Int = 0) throws(DatasetError) -> [UInt8] {
        var found: [UInt8] = []
        if entry.isDeflated {
            // One byte more than expected shows whether there is more.
            let (all, taken) = try inflate(entry, capacity: entry.size + 1, reserving: capacity)
            guard all.count == entry.size, taken == entry.packed.count else {
                throw damaged("the entry \(quoted(entry.name)) has another size than the directory says")
            }
            found = all
        } else {
            found.reserveCapacity(max(capacity, entry.size))
            found += bytes[entry.packed]
        }
        guard wb_crc32(found, found.count) == entry.checksum else {
            throw damaged("the checksum of the entry \(quoted(entry.name)) is wrong")
        }
        return found
    }

    private func inflate(
        _ entry: Entry, capacity: Int, reserving room: Int = 0
    ) throws(DatasetError) -> (bytes: [UInt8], taken: Int) {
        var error = [CChar](repeating: 0, count: Int(WB_ERROR_BYTES))
        var (written, taken): (Int64, Int) = (0, 0)
        let output = [UInt8](unsafeUninitializedCapacity: max(1, capacity, room)) { output, count in
            bytes.withUnsafeBufferPointer { input in
                guard let base = output.baseAddress, let source = input.baseAddress else { return }
                written = wb_inflate(
                    source + entry.packed.lowerBound, entry.packed.count, base, capacity, &taken, &error)
            }
            count = max(0, Int(written))
        }
        guard written >= 0 else { throw damaged("the entry \(quoted(entry.name)): \(text(of: error))") }
        return (output, taken)
    }
}
