// NumPy's arrays: files that numpy wrote, archives and heads that say what can't be, and mutations of all.
import CImages
import Engine
import Foundation
import Testing

@testable import Experiments

@Suite struct DatasetNPYTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    // Written by numpy 2.4.6 with this program:
    //   import base64, io, numpy as np, zipfile
    //   def npy(a, version=None):
    //       f=io.BytesIO(); np.lib.format.write_array(f,a,version=version); return f.getvalue()
    //   def npz(compressed, **k):
    //       f=io.BytesIO(); (np.savez_compressed if compressed else np.savez)(f, **k); return f.getvalue()
    //   x=(np.arange(24).reshape(4,2,3)*10).astype('u1'); y=np.array([7,1,7,3],'u1')
    //   files={
    //    'keras': npz(False,x_train=x,y_train=y,x_test=x[:2]+1,y_test=y[:2]),
    //    'packed': npz(True,x=np.asfortranarray(x.astype('f4')/np.float32(255)),y=y.astype('>i4').reshape(4,1)),
    //    'table': npz(True,features=np.array([[1.5,np.nan],[2,-3],[1e-3,4]],'>f8'),targets=np.array([.5,-1,2.25],'f8')),
    //    'v1': npy(x,(1,0)), 'v2': npy(x,(2,0)), 'v3': npy(x,(3,0)), 'fortran': npy(np.asfortranarray(x)),
    //    'labels': npy(y.astype('i8')),
    //    'chw': npy(np.arange(36).reshape(2,3,2,3).astype('i2')), 'hwc': npy(np.arange(36).reshape(2,2,3,3).astype('<u2')),
    //    'bool': npy(x>100),
    //   }
    //   for k,v in files.items(): print(f'        "{k}": "{base64.b64encode(v).decode()}",')
    static let files = [
        "keras": """
        UEsDBC0AAAAAAAAAIQAJcJLP//////////8LABQAeF90cmFpbi5ucHkBABAAmAAAAAAAAACYAAAAAAAAAJNOVU1QWQEAdgB7J2Rl\
        c2NyJzogJ3x1MScsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICg0LCAyLCAzKSwgfSAgICAgICAgICAgICAgICAg\
        ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAAoUHigyPEZQWmRueIKMlqCqtL7I0tzmUEsDBC0AAAAAAAAA\
        IQDYz364//////////8LABQAeV90cmFpbi5ucHkBABAAhAAAAAAAAACEAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJ3x1MScs\
        ICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICg0LCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg\
        ICAgICAgICAgICAgICAgICAgICAgICAgICAKBwEHA1BLAwQtAAAAAAAAACEAzT0BuP//////////CgAUAHhfdGVzdC5ucHkBABAA\
        jAAAAAAAAACMAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJ3x1MScsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6\
        ICgyLCAyLCAzKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAQsVHykz\
        PUdRW2VvUEsDBC0AAAAAAAAAIQBe9DaQ//////////8KABQAeV90ZXN0Lm5weQEAEACCAAAAAAAAAIIAAAAAAAAAk05VTVBZAQB2\
        AHsnZGVzY3InOiAnfHUxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsKSwgfSAgICAgICAgICAgICAgICAg\
        ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoHAVBLAQItAy0AAAAAAAAAIQAJcJLPmAAAAJgAAAAL\
        AAAAAAAAAAAAAACAAQAAAAB4X3RyYWluLm5weVBLAQItAy0AAAAAAAAAIQDYz364hAAAAIQAAAALAAAAAAAAAAAAAACAAdUAAAB5\
        X3RyYWluLm5weVBLAQItAy0AAAAAAAAAIQDNPQG4jAAAAIwAAAAKAAAAAAAAAAAAAACAAZYBAAB4X3Rlc3QubnB5UEsBAi0DLQAA\
        AAAAAAAhAF70NpCCAAAAggAAAAoAAAAAAAAAAAAAAIABXgIAAHlfdGVzdC5ucHlQSwUGAAAAAAQABADiAAAAHAMAAAAA
        """,
        "packed": """
        UEsDBC0AAAAIAAAAIQAk+BWp//////////8FABQAeC5ucHkBABAA4AAAAAAAAAChAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6l\
        oG6TZqKuo6Cell9UUpSYF59flJIKEg8pKk0FChdnJBakArkaJjoKRjoKxpo6CrUKZAIuBiD4+KHA7uOHD3Zbt5jYA2nbrVu22E2f\
        JmZ/+VKQ/cIFCra9PT12zU1M9vv32YH4didPnLAD0vZ378QA+Qtsgdiut4fH/uQJDxC2u3vnjt3qVVr2z5+l2QMAUEsDBC0AAAAI\
        AAAAIQAMg7f6//////////8FABQAeS5ucHkBABAAkAAAAAAAAABPAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6XaaKuo6Ce\
        ll9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GiY6CoaaOgq1CmQDLgYGBnYgZoTSzABQSwECLQMtAAAACAAAACEAJPgVqaEAAADg\
        AAAABQAAAAAAAAAAAAAAgAEAAAAAeC5ucHlQSwECLQMtAAAACAAAACEADIO3+k8AAACQAAAABQAAAAAAAAAAAAAAgAHYAAAAeS5u\
        cHlQSwUGAAAAAAIAAgBmAAAAXgEAAAAA
        """,
        "table": """
        UEsDBC0AAAAIAAAAIQA/xGrM//////////8MABQAZmVhdHVyZXMubnB5AQAQALAAAAAAAAAAYQAAAAAAAACb7BfqGxDJyFDGUK2e\
        klqcXKRupaBul2ahrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RrGOgpGmjoKtQpkAy77HwxgUA+lHSAUwwEOCG0fkOR7\
        6ePKPw4CED4AUEsDBC0AAAAIAAAAIQBq9VLJ//////////8LABQAdGFyZ2V0cy5ucHkBABAAmAAAAAAAAABQAAAAAAAAAJvsF+ob\
        EMnIUMZQrZ6SWpxcpG6loG6TZqGuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GsY6mjoKtQoUAC4GMHhgD6E/7IfQTA4A\
        UEsBAi0DLQAAAAgAAAAhAD/EasxhAAAAsAAAAAwAAAAAAAAAAAAAAIABAAAAAGZlYXR1cmVzLm5weVBLAQItAy0AAAAIAAAAIQBq\
        9VLJUAAAAJgAAAALAAAAAAAAAAAAAACAAZ8AAAB0YXJnZXRzLm5weVBLBQYAAAAAAgACAHMAAAAsAQAAAAA=
        """,
        "v1": """
        k05VTVBZAQB2AHsnZGVzY3InOiAnfHUxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDQsIDIsIDMpLCB9ICAg\
        ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAChQeKDI8RlBaZG54goyWoKq0vsjS\
        3OY=
        """,
        "v2": """
        k05VTVBZAgB0AAAAeydkZXNjcic6ICd8dTEnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoNCwgMiwgMyksIH0g\
        ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAChQeKDI8RlBaZG54goyWoKq0vsjS\
        3OY=
        """,
        "v3": """
        k05VTVBZAwB0AAAAeydkZXNjcic6ICd8dTEnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoNCwgMiwgMyksIH0g\
        ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAChQeKDI8RlBaZG54goyWoKq0vsjS\
        3OY=
        """,
        "fortran": """
        k05VTVBZAQB2AHsnZGVzY3InOiAnfHUxJywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoNCwgMiwgMyksIH0gICAg\
        ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAPHi0HlqW0gpGgr4oZKDcFFCMyDJu\
        quY=
        """,
        "labels": """
        k05VTVBZAQB2AHsnZGVzY3InOiAnPGk4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDQsKSwgfSAgICAgICAg\
        ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoHAAAAAAAAAAEAAAAAAAAABwAAAAAA\
        AAADAAAAAAAAAA==
        """,
        "chw": """
        k05VTVBZAQB2AHsnZGVzY3InOiAnPGkyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMsIDIsIDMpLCB9\
        ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAEAAgADAAQABQAGAAcACAAJAAoA\
        CwAMAA0ADgAPABAAEQASABMAFAAVABYAFwAYABkAGgAbABwAHQAeAB8AIAAhACIAIwA=
        """,
        "hwc": """
        k05VTVBZAQB2AHsnZGVzY3InOiAnPHUyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDIsIDMsIDMpLCB9\
        ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAEAAgADAAQABQAGAAcACAAJAAoA\
        CwAMAA0ADgAPABAAEQASABMAFAAVABYAFwAYABkAGgAbABwAHQAeAB8AIAAhACIAIwA=
        """,
        "bool": """
        k05VTVBZAQB2AHsnZGVzY3InOiAnfGIxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDQsIDIsIDMpLCB9ICAg\
        ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAAAAAAEBAQEBAQEBAQEB\
        AQE=
        """,
    ]

    private static func file(_ name: String) throws -> [UInt8] {
        let text = try #require(files[name])
        return [UInt8](try #require(Data(base64Encoded: text)))
    }

    private func load(_ name: String = "", loss: LossSpec = .softmaxCrossEntropy()) throws -> Dataset {
        var spec = DataSpec(dataset: "npz")
        spec.path = name.isEmpty ? folder.path : folder[name]
        return try DatasetLoader.load(spec, for: loss)
    }

    /// Says what is wrong, in a sentence.
    private func expect(
        _ file: [UInt8], _ name: String = "bad.npz", says words: String, loss: LossSpec = .softmaxCrossEntropy(),
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try folder.write(file, name)
        let error = #expect(throws: DatasetError.self, sourceLocation: sourceLocation) { try load(name, loss: loss) }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains(words) && !text.contains("\n"), "\(text)", sourceLocation: sourceLocation)
    }

    // MARK: What numpy writes

    private let x = (0..<24).map { UInt8($0 * 10) }

    @Test func kerasArchive() throws {
        try folder.write(Self.file("keras"), "mnist.npz")
        let set = try load("mnist.npz")
        #expect(set.shape == .image(channels: 1, height: 2, width: 3) && set.classes == ["1", "3", "7"])
        #expect(set.labels == [2, 0, 2, 1, 2, 0] && set.officialTest == 4..<6 && set.notes.isEmpty)
        #expect(bytes(of: set) == x + x.prefix(12).map { $0 + 1 })
        #expect(set.origin == "NumPy archive \(folder["mnist.npz"])")
    }

    /// Deflated, Fortran order, 255ths as float32; labels big-endian (4, 1).
    @Test func packedArchive() throws {
        try folder.write(Self.file("packed"), "a.npz")
        let set = try load("a.npz")
        #expect(bytes(of: set) == x && set.labels == [2, 0, 2, 1] && set.officialTest == nil)
    }

    @Test func tables() throws {
        try folder.write(Self.file("table"), "a.npz")
        let set = try load("a.npz", loss: .meanSquaredError)
        #expect(
            set.shape == .vector(2)
                && set.columns == [Column(name: "x1", kind: .numeric), Column(name: "x2", kind: .numeric)])
        #expect(set.targets == [0.5, -1, 2.25] && set.classes == ["y"])
        guard case .floats(let values) = set.features else { throw DatasetError.empty(path: "") }
        #expect(values[0] == 1.5 && values[1].isNaN && values[2...] == [2, -3, 1e-3, 4])
        // Numbers are no classes.
        try expect(Self.file("table"), says: "the label of example 0 is 0.5")
        var spec = DataSpec(dataset: "npz")
        (spec.path, spec.target) = (folder["a.npz"], "targets")
        #expect(throws: DatasetError.self) { try DatasetLoader.load(spec) }
        (spec.target, spec.ignore) = (nil, ["x1"])
        #expect(throws: DatasetError.self) { try DatasetLoader.load(spec) }
    }

    @Test(arguments: ["v1", "v2", "v3", "fortran"]) func versionsAndOrders(_ name: String) throws {
        try folder.write(Self.file(name), "X.npy")
        try folder.write(Self.file("labels"), "y.npy")
        for path in ["X.npy", ""] {
            let set = try load(path)
            #expect(bytes(of: set) == x && set.labels == [2, 0, 2, 1])
        }
    }

    @Test func channels() throws {
        try folder.write(NPY.array("<i8", [2], [0, 1]), "labels.npy")
        try folder.write(Self.file("chw"), "images.npy")
        var set = try load("images.npy")
        #expect(set.shape == .image(channels: 3, height: 3, width: 2) && set.notes.count == 1 && set.labels == [0, 1])
        // (N, 3, 2, 3): the last is taken, which is said.
        #expect(bytes(of: set).prefix(6) == [0, 3, 6, 9, 12, 15])
        try folder.write(Self.file("hwc"), "images.npy")
        set = try load("images.npy")
        #expect(set.shape == .image(channels: 3, height: 2, width: 3) && set.notes.isEmpty)
        #expect(bytes(of: set).prefix(12) == [0, 3, 6, 9, 12, 15, 1, 4, 7, 10, 13, 16])
        try folder.write(NPY.array("|u1", [2, 3, 2, 2], (0..<24).map { Double($0) }), "images.npy")
        set = try load("images.npy")
        #expect(set.shape == .image(channels: 3, height: 2, width: 2) && bytes(of: set) == (0..<24).map { UInt8($0) })
        try expect(NPY.array("|u1", [2, 2, 2, 2], (0..<16).map { Double($0) }), "images.npy", says: "1 or 3 channels")
        try folder.write(NPY.array("<i8", [4], [0, 1, 1, 0]), "labels.npy")
        try folder.write(Self.file("bool"), "images.npy")
        #expect(try bytes(of: load("images.npy")) == x.map { $0 > 100 ? 255 : 0 })
    }

    /// The test part beside the training part, in names as people write them.
    @Test(arguments: [
        ["X_train", "y_train", "X_test", "y_test"], ["train_images", "train_labels", "test_images", "test_labels"],
        ["features-train", "targets-train", "features-test", "targets-test"],
    ])
    func namesOfParts(_ names: [String]) throws {
        for (name, file) in zip(
            names,
            [
                NPY.array("|u1", [3, 2], [1, 2, 3, 4, 5, 6]), NPY.array("|u1", [3], [1, 2, 1]),
                NPY.array("|u1", [1, 2], [7, 8]), NPY.array("|u1", [1], [2]),
            ])
        { try folder.write(file, name + ".npy") }
        try folder.write(NPY.array("|u1", [1], [2]), "other.npy")
        for path in ["", names[0] + ".npy"] {
            let set = try load(path)
            #expect(
                set.labels == [0, 1, 0, 1] && set.officialTest == 3..<4
                    && set.features == .floats([1, 2, 3, 4, 5, 6, 7, 8]))
            #expect(set.notes.count == (path.isEmpty ? 1 : 0))
        }
    }

    // MARK: Values

    @Test func pixelsThatAreNone() throws {
        try folder.write(NPY.array("<i8", [2], [0, 1]), "y.npy")
        func floats(_ values: [Double], _ type: String = "<f8") -> [UInt8] { NPY.array(type, [2, 1, 2], values) }
        for (values, wanted) in [
            ([0, 1, 128.0 / 255, 3.0 / 255], [0, 255, 128, 3]), ([0, 255, 2, 3], [0, 255, 2, 3]),
            ([0, 1, 0, 1], [0, 255, 0, 255]),
        ] as [([Double], [UInt8])] {
            for type in ["<f4", ">f8", "<f2"] {
                try folder.write(floats(values, type), "x.npy")
                #expect(try bytes(of: load("x.npy")) == wanted, "\(type) \(values)")
            }
        }
        for values in [
            [0, 0.5, 1, 1], [0, 256, 1, 1], [-1, 1, 1, 1], [.nan, 1, 1, 1], [1, 1, .infinity, 1], [1.0 / 255, 2, 1, 1],
        ] as [[Double]] {
            try expect(floats(values), "x.npy", says: "255ths from 0 to 1")
        }
        try expect(NPY.array("<i2", [2, 1, 1], [256, 0]), "x.npy", says: "the pixel 256")
        try expect(NPY.array(">i8", [2, 1, 1], [0, -1]), "x.npy", says: "the pixel -1")
        try expect(NPY.array("<f8", [2, 1], [1e300, 0]), "x.npy", says: "more than a 32-bit number")
        try expect(NPY.array("<f8", [2, 1], [.nan, .nan]), "x.npy", says: "no number at all")
    }

    @Test func labelsThatAreNone() throws {
        try folder.write(NPY.array("|u1", [2, 2], [1, 2, 3, 4]), "x.npy")
        func labels(_ file: [UInt8], _ words: String) throws {
            try folder.write(file, "y.npy")
            let error = #expect(throws: DatasetError.self) { try load("x.npy") }
            #expect("\(try #require(error))".contains(words), "\(String(describing: error))")
        }
        try labels(NPY.array("|u1", [2, 2], [1, 0, 0, 1]), "(2, 2)")
        try labels(NPY.array("|u1", [3], [1, 0, 1]), "holds 3 labels")
        try labels(NPY.array("|u1", [2], [1, 1]), "only the class '1'")
        try labels(NPY.array("<f8", [2], [1e300, 1]), "whole numbers")
        try labels(NPY.array("|u1", [], [1]), "()")
        try FileManager.default.removeItem(atPath: folder["y.npy"])
        #expect(throws: DatasetError.self) { try load("x.npy") }
    }

    @Test(
        arguments: [
            ("|b1", [0, 1, 2, 255], [0, 1, 1, 1]), ("|i1", [-128, 127, 0, -1], [-128, 127, 0, -1]),
            ("<i2", [-32768, 32767, 1], nil),
            (">i2", [-32768, 32767, 1], nil), ("<i4", [-2_147_483_648, 2_147_483_647], nil),
            (">i8", [-9e15, 9e15], nil),
            ("<u2", [65535, 1], nil), (">u4", [4_294_967_295, 7], nil), ("<u8", [9e15], nil),
            ("<f2", [65504, -0.5], nil),
            (">f4", [1.5, -0.25], nil), ("<f8", [1e300, -1e-300], nil), ("=f4", [2], nil),
        ] as [(String, [Double], [Double]?)])
    func everyType(_ type: String, _ values: [Double], _ wanted: [Double]?) throws {
        let bytes = NPY.array(type, [values.count], values)
        let array = NPYArray(header: try NPYHeader(bytes), bytes: bytes)
        #expect(values.indices.map { array.double($0) } == wanted ?? values)
        #expect(values.indices.map { array.integer($0) } == (wanted ?? values).map { Int(exactly: $0) })
    }

    // MARK: Heads

    @Test func headsThatAreRefused() throws {
        func refused(
            _ text: String, _ words: String, version: [UInt8] = [1, 0],
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            let fault = #expect(throws: NPYHeader.Fault.self, sourceLocation: sourceLocation) {
                try NPYHeader(NPY.head(text, version: version))
            }
            #expect(fault?.problem.contains(words) == true, "\(fault?.problem ?? "")", sourceLocation: sourceLocation)
        }
        func dictionary(
            _ type: String = "'|u1'", _ order: String = "False", _ shape: String = "(2,)", _ more: String = ""
        ) -> String {
            "{'descr': \(type), 'fortran_order': \(order), 'shape': \(shape), \(more)}"
        }
        let plain = try NPYHeader(NPY.head(dictionary()))
        #expect(plain.shape == [2] && plain.element == .unsigned(bytes: 1) && !plain.isFortran)
        #expect(try NPYHeader(NPY.head(dictionary("\"<f8\"", "True", "(3L, 4L)"))).shape == [3, 4])
        #expect(try NPYHeader(NPY.head(dictionary("'|u1'", "False", "()"))).count == 1)
        #expect(try NPYHeader(NPY.head("{'shape': (0, 5), 'descr': '<i4', 'fortran_order': False}")).count == 0)
        refused(dictionary("'<O8'"), "of the type")
        refused(dictionary("'|O'"), "of the type")
        refused(dictionary("'<U5'"), "of the type")
        refused(dictionary("'|u8'"), "of the type")
        refused(dictionary("[('a', '<f8')]"), "several fields")
        refused(dictionary("'|u1'", "0"), "True or False")
        refused(dictionary("'|u1'", "False", "(18446744073709551616,)"), "too large")
        refused(dictionary("'|u1'", "False", "(4294967296, 4294967296)"), "too large")
        refused(dictionary("'<f8'", "False", "(2305843009213693952,)"), "too large")
        refused(dictionary("'|u1'", "False", "(-1,)"), "a whole number")
        refused(dictionary("'|u1'", "False", "(2)"), "','")
        refused(dictionary("'|u1'", "False", "(2,,)"), "a whole number")
        refused(dictionary("'|u1'", "False", "(" + String(repeating: "1,", count: 33) + ")"), "dimensions")
        refused(dictionary("'|u1'", "False", "(2,)", "'more': 1"), "the key")
        refused(dictionary("'|u1'", "False", "(2,)", "'descr': '|u1'"), "the key")
        refused(dictionary() + " + exit()", "nothing more")
        refused("__import__('os').system('true')", "'{'")
        refused("{'descr': '|u1'}", "lacks")
        refused("{'descr': '|u1\\x41'}", "plain text")
        refused("", "'{'")
        refused(dictionary(), "version 4.0", version: [4, 0])
        refused(dictionary(), "version 1.1", version: [1, 1])
        // Four gigabytes of head; a head longer than the file.
        let magic = NPYHeader.magic
        for (bytes, words) in [
            (magic + [2, 0, 0xFF, 0xFF, 0xFF, 0xFF] + [0x7B], "4294967295"),
            (magic + [1, 0, 0xFF, 0xFF, 0x7B], "ends within"),
            (magic + [1, 0], "ends within"), (magic, "ends within"), ([0x93], "does not begin"), ([], "does not begin"),
            (magic + [2, 0, 1], "ends within"),
        ] as [([UInt8], String)] {
            let fault = #expect(throws: NPYHeader.Fault.self) { try NPYHeader(bytes) }
            #expect(fault?.problem.contains(words) == true)
        }
        try folder.write(NPY.array("|u1", [2], [0, 1]), "y.npy")
        try expect(NPY.array("|u1", [2, 2], [1, 2, 3]), "x.npy", says: "promises 4 bytes of values, 3 are there")
        try expect(
            NPY.array("|u1", [2, 2], [1, 2, 3, 4, 5]), "x.npy", says: "promises 4 bytes of values, 5 are there")
        try expect(NPY.array("|u1", [0, 2], []), "x.npy", says: "no examples")
        try expect(NPY.array("|u1", [2], [1, 2]), "x.npy", says: "inputs are")
    }

    // MARK: Archives

    private func pair(_ more: [ZIP.Entry] = []) -> [ZIP.Entry] {
        [
            ZIP.Entry("x.npy", NPY.array("|u1", [2, 2], [1, 2, 3, 4])),
            ZIP.Entry("y.npy", NPY.array("|u1", [2], [0, 1])),
        ] + more
    }

    @Test func archivesThatAreRefused() throws {
        try folder.write(ZIP.archive(pair()), "good.npz")
        #expect(try load("good.npz").labels == [0, 1])
        try folder.write(ZIP.archive(pair(), comment: "PK\u{5}\u{6} a comment"), "good.npz")
        #expect(try load("good.npz").labels == [0, 1])
        func refused(
            _ words: String, sourceLocation: SourceLocation = #_sourceLocation, _ change: (inout [ZIP.Entry]) -> Void
        ) throws {
            var entries = pair()
            change(&entries)
            try expect(ZIP.archive(entries), says: words, sourceLocation: sourceLocation)
        }
        try refused("is there twice") { $0[1].name = "x.npy" }
        try refused("checksum") { $0[0].checksum = 1 }
        try refused("encrypted") { $0[0].flags = 1 }
        try refused("method 14") { $0[0].method = 14 }
        try refused("zip64") { $0[0].size = 0xFFFF_FFFF }
        try refused("different things") { $0[0].localName = "z.npy" }
        // The second lies within the bytes of the first.
        try refused("overlap") {
            let start = 30 + $0[0].name.utf8.count + $0[0].packed.count
            let inner = ZIP.archive([$0[1]]).prefix(30 + $0[1].name.utf8.count + $0[1].packed.count)
            $0[0] = ZIP.Entry("x.npy", $0[0].packed + inner)
            $0[1].offset = start
        }
        try refused("does not lie where") { $0[0].offset = 7 }
        try refused("can't become") { $0[0].size = 5 }
        try refused("inputs and labels are not found") { $0.removeLast() }
        try refused("several pairs") {
            $0 += [
                ZIP.Entry("images.npy", NPY.array("|u1", [2, 2], [1, 2, 3, 4])),
                ZIP.Entry("labels.npy", NPY.array("|u1", [2], [0, 1])),
            ]
        }
        let good = ZIP.archive(pair())
        for length in 0..<good.count {
            #expect(throws: DatasetError.self) { try ZipArchive(Array(good.prefix(length)), path: "a") }
        }
        try expect(good + [0], says: "no zip directory")
        try expect(Array(good.prefix(4)), says: "no zip directory")
        // The end of a zip64 archive before the end.
        var large = Array(good.dropLast(22))
        large += [0x50, 0x4B, 6, 7] + [UInt8](repeating: 0, count: 16)
        try expect(large + good.suffix(22), says: "zip64")
    }

    /// Little files that would become large: refused before anything is unpacked, and no memory is taken for them.
    @Test func bombs() throws {
        let before = try residentBytes()
        // More than deflate can make of it.
        var entries = pair()
        entries[0] = try ZIP.Entry("x.npy", NPY.deflated(NPY.array("|u1", [2, 2], [1, 2, 3, 4])), method: 8)
        entries[0].size = 4_000_000_000
        try expect(ZIP.archive(entries), says: "can't become")
        // Zeros as deflate packs them, and a head that says there are as many; the directory says so too.
        let head = NPY.head("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 60000, 30000), }")
        let zeros = try NPY.deflated(head + [UInt8](repeating: 0, count: 4_000_000))
        entries[0] = ZIP.Entry("x.npy", zeros, method: 8)
        entries[0].size = 4_000_000 + head.count
        try expect(ZIP.archive(entries), says: "promises 3600000000 bytes of values, 4000000 are there")
        // The directory says less than there is.
        let many = NPY.head("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1000), }")
        entries[0] = try ZIP.Entry("x.npy", NPY.deflated(many + [UInt8](repeating: 0, count: 50_000_000)), method: 8)
        entries[0].size = 2000 + many.count
        try expect(ZIP.archive(entries), says: "another size")
        // Beyond every memory.
        entries[0] = ZIP.Entry("x.npy", [UInt8](repeating: 0, count: 4_100_000), method: 8)
        entries[0].size = 4_200_000_000
        try expect(ZIP.archive(entries), says: "stored block")
        // Other tests run beside this one; a bomb would take gigabytes.
        #expect(try residentBytes() - before < 2 << 30)
    }

    private func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return (Int(text.split(separator: " ")[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE))
    }

    /// Whatever is changed: an error or a data set, never a trap.
    @Test(arguments: ["keras", "packed", "table", "v1", "v2", "v3", "fortran", "chw"]) func mutations(_ name: String)
        throws
    {
        let isArchive = ["keras", "packed", "table"].contains(name)
        let whole = try Self.file(name)
        let (count, path) = (name == "chw" ? 2 : 4, isArchive ? "m.npz" : "x.npy")
        try folder.write(NPY.array("|u1", [count], Array((0..<count).map(Double.init))), "y.npy")
        var random = CounterRandom(seed: 11, purpose: .benchmark)
        var loaded = 0
        for _ in 0..<(isArchive ? 334 : 200) {
            var bytes = whole
            for _ in 0...random.below(3) {
                let place = Int(random.below(UInt32(bytes.count)))
                switch random.below(5) {
                case 0: bytes[place] = UInt8(random.below(256))
                case 1: bytes[place] ^= UInt8(1 << random.below(8))
                case 2: bytes.removeSubrange(place..<min(bytes.count, place + 1 + Int(random.below(8))))
                case 3: bytes.insert(contentsOf: bytes[place...].prefix(1 + Int(random.below(16))), at: place)
                default: bytes[place] = [0, 0xFF, 0x7F, 0x80, 0x30, 0x39, 0x28, 0x2C][Int(random.below(8))]
                }
                if bytes.isEmpty { bytes = [0] }
            }
            try folder.write(bytes, path)
            do {
                let set = try load(path, loss: name == "table" ? .meanSquaredError : .softmaxCrossEntropy())
                #expect(set.count * set.shape.count == set.features.count)
                loaded += 1
            } catch {
                #expect(error is DatasetError && !"\(error)".contains("\n"), "\(error)")
            }
        }
        #expect(loaded < 300)
    }
}

/// Arrays as numpy writes them.
private enum NPY {
    static func head(_ text: String, version: [UInt8] = [1, 0]) -> [UInt8] {
        let length = text.utf8.count + 1
        let size = version[0] == 1 ? 2 : 4
        return NPYHeader.magic + version + (0..<size).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
            + Array(text.utf8) + [0x0A]
    }

    static func array(_ type: String, _ shape: [Int], _ values: [Double]) -> [UInt8] {
        let dimensions = shape.map { "\($0)," }.joined()
        var bytes = head("{'descr': '\(type)', 'fortran_order': False, 'shape': (\(dimensions)), }")
        let (isFloat, size) = (type.contains("f"), Int(String(type.last ?? "1")) ?? 1)
        for value in values {
            let bits: UInt64 =
                switch (isFloat, size) {
                case (true, 2): UInt64(Float16(value).bitPattern)
                case (true, 4): UInt64(Float(value).bitPattern)
                case (true, _): value.bitPattern
                default: value < 0 ? UInt64(bitPattern: Int64(value)) : UInt64(value)
                }
            let little = (0..<size).map { UInt8(truncatingIfNeeded: bits >> (8 * UInt64($0))) }
            bytes += type.hasPrefix(">") ? little.reversed() : little
        }
        return bytes
    }

    /// As gzip packs it, without its head and tail.
    static func deflated(_ bytes: [UInt8]) throws -> [UInt8] {
        let folder = try TemporaryFolder()
        try folder.write(bytes, "a")
        let gzip = Process()
        gzip.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        gzip.arguments = ["gzip", "-9", "-n", folder["a"]]
        try gzip.run()
        gzip.waitUntilExit()
        return Array(try Data(contentsOf: URL(fileURLWithPath: folder["a.gz"])).dropFirst(10).dropLast(8))
    }
}

/// Zip archives, right and wrong ones.
private enum ZIP {
    struct Entry {
        var name: String
        var packed: [UInt8]
        var method = 0
        var flags = 0
        var size: Int
        var checksum: UInt32
        /// In the header before the bytes, where it is another.
        var localName: String?
        /// Where the directory says that it is, where that is wrong.
        var offset: Int?

        init(_ name: String, _ packed: [UInt8], method: Int = 0) {
            (self.name, self.packed, self.method, size) = (name, packed, method, packed.count)
            checksum = wb_crc32(packed, packed.count)
        }
    }

    private static func little(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    static func archive(_ entries: [Entry], comment: String = "") -> [UInt8] {
        var (bytes, directory): ([UInt8], [UInt8]) = ([], [])
        for entry in entries {
            let offset = entry.offset ?? bytes.count
            let facts =
                little(20, 2) + little(entry.flags, 2) + little(entry.method, 2) + little(0, 4)
                + little(Int(entry.checksum), 4) + little(entry.packed.count, 4) + little(entry.size, 4)
            let local = entry.localName ?? entry.name
            bytes +=
                [0x50, 0x4B, 3, 4] + facts + little(local.utf8.count, 2) + little(0, 2) + Array(local.utf8)
                + entry.packed
            directory +=
                [0x50, 0x4B, 1, 2] + little(20, 2) + facts + little(entry.name.utf8.count, 2) + little(0, 12)
                + little(offset, 4) + Array(entry.name.utf8)
        }
        return bytes + directory + [0x50, 0x4B, 5, 6] + little(0, 4) + little(entries.count, 2)
            + little(entries.count, 2)
            + little(directory.count, 4) + little(bytes.count, 4) + little(comment.utf8.count, 2) + Array(comment.utf8)
    }
}
