// The sets inside the program and the made-up ones: counts, known rows, the same bytes every time.
import Engine
import Testing

@testable import Experiments

@Suite struct DatasetBuiltInTests {
    @Test(arguments: [
        ("digits", 1797, "1x8x8", [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]),
        ("breast-cancer", 569, "30", [357, 212]), ("iris", 150, "4", [50, 50, 50]), ("wine", 178, "13", [59, 71, 48]),
    ])
    func counts(name: String, count: Int, shape: String, classCounts: [Int]) throws {
        let set = try DatasetLoader.load(DataSpec(dataset: name))
        #expect(set.count == count)
        #expect(set.shape.description == shape)
        #expect(set.classes.indices.map { index in set.labels.count { Int($0) == index } } == classCounts)
        #expect(set.officialTest == nil)
        #expect(set.name == name)
    }

    @Test func digitsAreScaledToBytes() throws {
        let set = try DatasetLoader.load(DataSpec(dataset: "digits"))
        guard case .bytes(let pixels) = set.features else { throw Surprise() }
        // The file's first row begins 0,0,5,13,9,1,0,0 and is a 0.
        #expect(pixels[..<8] == [0, 0, 80, 207, 143, 16, 0, 0])
        #expect(set.labels[0] == 0)
        #expect(set.classes == ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"])
        #expect(pixels.max() == 255)
    }

    @Test func tablesKeepColumnsAndRows() throws {
        let cancer = try DatasetLoader.load(DataSpec(dataset: "breast-cancer"))
        guard case .floats(let values) = cancer.features else { throw Surprise() }
        #expect(cancer.columns.count == 30)
        #expect(cancer.columns[0] == Column(name: "mean radius", kind: .numeric))
        #expect(values[..<4] == [17.99, 10.38, 122.8, 1001])
        #expect(cancer.classes == ["benign", "malignant"])
        #expect(cancer.labels[0] == 1)
        #expect(cancer.target == "target")

        var spec = DataSpec(dataset: "iris")
        spec.ignore = ["petal width (cm)"]
        let iris = try DatasetLoader.load(spec)
        #expect(iris.columns.map(\.name) == ["sepal length (cm)", "sepal width (cm)", "petal length (cm)"])
    }

    @Test func greyAndResizeApplyToBuiltInImages() throws {
        var spec = DataSpec(dataset: "shapes")
        spec.examples = 40
        spec.grey = true
        spec.resize = ImageSize(height: 16, width: 8)
        let set = try DatasetLoader.load(spec)
        #expect(set.shape == .image(channels: 1, height: 16, width: 8))
        #expect(set.features.count == 40 * 128)
    }

    @Test(arguments: ["two-moons", "spirals", "shapes"])
    func madeUpSetsFollowFromTheSeed(name: String) throws {
        var spec = DataSpec(dataset: name)
        spec.examples = 120
        let first = try DatasetLoader.load(spec)
        #expect(try DatasetLoader.load(spec).features == first.features)
        spec.seed = 43
        #expect(try DatasetLoader.load(spec).features != first.features)
        // More examples of one seed begin with the fewer.
        spec.seed = 42
        spec.examples = 150
        let more = try DatasetLoader.load(spec)
        #expect(Array(bytes(of: more).prefix(bytes(of: first).count)) == bytes(of: first))
        #expect(first.count == 120)
        #expect(Set(first.labels).count == first.classes.count)
    }

    @Test func defaultsOfMadeUpSets() throws {
        #expect(try DatasetLoader.load(DataSpec(dataset: "two-moons")).count == 1000)
        #expect(try DatasetLoader.load(DataSpec(dataset: "spirals")).count == 1500)
        #expect(try DatasetLoader.load(DataSpec(dataset: "shapes")).classes.count == 10)
    }

    /// These digests pin the bytes: a session on a made-up set keeps the seed, not the data, so what a seed makes must
    /// stay the same on every machine and in every later version.
    @Test(arguments: [
        ("two-moons", "b572edb1ad8c273420c4bc34bcfc12c80197d176ba7a12d4261830dc23bdc59a"),
        ("spirals", "95e95b65ff0b8eee4ff99544e5a78a00719e696abf6703e1e2f570e388752340"),
        ("shapes", "6f0edb04d570599cbb5cb73f61cf886e9c3fcd8a8b1148706158a4e5cb1fadd9"),
    ])
    func madeUpSetsAreTheSameEverywhere(name: String, digest: String) throws {
        var spec = DataSpec(dataset: name)
        spec.examples = 300
        #expect(SHA256.hex(bytes(of: try DatasetLoader.load(spec))) == digest)
    }

    @Test func circlePointsAreOnTheCircle() {
        #expect(circlePoint(turns: 0) == (1, 0))
        for (turns, x, y) in [(0.25, 0.0, 1.0), (0.5, -1, 0), (0.75, 0, -1), (1.0 / 12, 0.8660254037844387, 0.5)] {
            let point = circlePoint(turns: turns)
            #expect(abs(point.x - x) < 1e-12 && abs(point.y - y) < 1e-12)
        }
    }

    @Test func unknownSetsAndSettingsAreRefused() {
        #expect(throws: DatasetError.unknownDataset("minst", known: DatasetLoader.builtInNames)) {
            try DatasetLoader.load(DataSpec(dataset: "minst"))
        }
        #expect(throws: DatasetError.pathNeeded(dataset: "mnist")) {
            try DatasetLoader.load(DataSpec(dataset: "mnist"))
        }
        var spec = DataSpec(dataset: "iris")
        spec.resize = ImageSize(height: 8, width: 8)
        #expect(throws: DatasetError.self) { try DatasetLoader.load(spec) }
        spec = DataSpec(dataset: "shapes")
        spec.examples = 3
        #expect(throws: DatasetError.settingOutOfRange(setting: "examples", value: 3, allowed: 20...1_000_000)) {
            try DatasetLoader.load(spec)
        }
        spec.examples = 100
        spec.resize = ImageSize(height: 0, width: 8)
        #expect(throws: DatasetError.self) { try DatasetLoader.load(spec) }
    }

    @Test func sha256OfKnownTexts() {
        // FIPS 180-2, appendix B.
        #expect(
            SHA256.hex("abc".utf8) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(SHA256.hex([UInt8]()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }
}

struct Surprise: Error {}

func bytes(of set: Dataset) -> [UInt8] {
    switch set.features {
    case .bytes(let values): values
    case .streamed: []
    case .floats(let values): values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init) }
    }
}
