// What a spec may say under `augment`, and what is said against it, with its line.
import Engine
import Testing

@testable import Experiments

struct AugmentSpecTests {
    private func parse(_ augment: String, data: String = "{dataset: shapes}") throws(SpecError) -> Spec {
        try SpecFile.parse(
            yaml: """
                data: \(data)
                network:
                  - flatten
                  - dense: {units: classes}
                augment: \(augment)
                """, file: "a.yaml"
        ).spec
    }

    private func complaint(_ augment: String, data: String = "{dataset: shapes}") -> String {
        do throws(SpecError) {
            _ = try parse(augment, data: data)
            return ""
        } catch {
            return error.description
        }
    }

    @Test func everyAugmentationIsRead() throws {
        let spec = try parse(
            "[{flip: horizontal}, {flip: vertical}, {crop: {padding: 4}}, {rotate: {degrees: 15}}, {shift: {fraction: 0.1}}, "
                + "{zoom: {fraction: 0.1}}, {brightness: 0.2}, {contrast: 0.2}, {noise: {deviation: 0.02}}, "
                + "{cutout: {size: 8}}, {mixup: {alpha: 0.2}}]")
        #expect(
            spec.augment == [
                .flip(horizontal: true), .flip(horizontal: false), .crop(padding: 4), .rotate(degrees: 15),
                .shift(fraction: 0.1), .zoom(fraction: 0.1), .brightness(fraction: 0.2), .contrast(fraction: 0.2),
                .noise(deviation: 0.02), .cutout(size: 8), .mixup(alpha: 0.2),
            ])
        #expect(try parse("[]").augment.isEmpty)
        #expect(try parse("\n  - crop: 2\n  - noise: 0.1").augment == [.crop(padding: 2), .noise(deviation: 0.1)])
    }

    struct Fault: CustomTestStringConvertible {
        let augment: String
        var data = "{dataset: shapes}"
        let says: String
        var testDescription: String { says }
    }

    static let faults = [
        Fault(augment: "flip", says: "a.yaml:5: augment must be a list"),
        Fault(augment: "[flip]", says: "flip needs a direction"),
        Fault(augment: "[{flip: left}]", says: "direction must be one of horizontal, vertical"),
        Fault(
            augment: "\n  - crop: 4\n  - rotat: {degrees: 4}",
            says: "a.yaml:7: augment item 2: rotat is unknown; did you mean rotate?"),
        Fault(augment: "[{blur: 3}]", says: "blur is unknown; known are flip, crop"),
        Fault(augment: "[{crop: {pading: 4}}]", says: "did you mean padding?"),
        Fault(augment: "[{rotate: {degrees: 200}}]", says: "must be more than 0 and at most 180, but is 200"),
        Fault(
            augment: "[{crop: {padding: 33}}]", says: "crop of 33 pixels is larger than the images, which have 32x32"),
        Fault(
            augment: "[{crop: {padding: 13}}]", data: "{dataset: folder, path: pictures, resize: [12, 40]}",
            says: "larger than the images, which have 12x40"),
        Fault(augment: "[{shift: {fraction: 0.04}}]", data: "{dataset: digits}", says: "less than a pixel"),
        Fault(
            augment: "[{flip: horizontal}]", data: "{dataset: iris}",
            says: "a.yaml:5: augment item 1: flip changes images"),
        Fault(augment: "[{mixup: 0.2}, {noise: 0.1}]", says: "must stand once, as the last item"),
        Fault(augment: "[{noise: {deviation: 0.1}, crop: 2}]", says: "must be one name with its value"),
    ]

    @Test(arguments: faults)
    func whatIsWrongIsSaidWithItsLine(_ fault: Fault) {
        let said = complaint(fault.augment, data: fault.data)
        #expect(said.contains(fault.says), "\(said)")
    }

    @Test func anExperimentRefusesWhatDoesNotFitItsData() throws {
        let folder = try TemporaryFolder()
        try folder.write(
            "a,b,kind\n" + (0..<40).map { "\($0),\($0 * 3 % 7),\($0 % 2 == 0 ? "x" : "y")\n" }.joined(), "t.csv")
        let yaml = """
            data: {dataset: csv, path: \(SpecFile.quoted(folder["t.csv"]))}
            network: [{dense: {units: classes}}]
            augment: [{flip: horizontal}]
            """
        let spec = try SpecFile.parse(yaml: yaml, file: "a.yaml").spec
        #expect(throws: AugmentationError.needsImages("flip")) { try Experiment(spec: spec, yaml: yaml) }
    }
}
