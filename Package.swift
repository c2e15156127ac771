// swift-tools-version: 6.1
// The rooms of the house and who may know whom; ARCHITECTURE.md says why.
import PackageDescription

// Kernels are optimised in every configuration, so that tests of the engine run at the engine's speed.
// Contraction is off: a sum must not change with the width of the processor's registers.
let kernelFlags: [CSetting] = [.unsafeFlags(["-O3", "-ffp-contract=off", "-fno-math-errno", "-std=gnu2x"])]

let package = Package(
    name: "workbench",
    products: [
        .executable(name: "workbench", targets: ["workbench"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    ],
    targets: [
        .target(
            name: "CTerminal", cSettings: [.unsafeFlags(["-std=gnu2x"])],
            linkerSettings: [.linkedLibrary("ncursesw"), .linkedLibrary("tinfo")]),
        .target(name: "CPrimitives", cSettings: kernelFlags, linkerSettings: [.linkedLibrary("dnnl")]),
        .target(
            name: "CImages", cSettings: [.unsafeFlags(["-std=gnu2x"])],
            linkerSettings: [
                .linkedLibrary("png"), .linkedLibrary("jpeg"), .linkedLibrary("z"), .linkedLibrary("crypto"),
            ]),
        .target(name: "CPresets", cSettings: [.unsafeFlags(["-std=gnu2x"])]),
        .target(name: "CData", exclude: ["data"], cSettings: [.unsafeFlags(["-std=gnu2x"])]),
        .target(name: "Charts"),
        .target(name: "Engine", dependencies: ["CPrimitives"]),
        .target(
            name: "Experiments",
            dependencies: [
                "Engine", "CImages", "CData", "CPresets",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Yams", package: "Yams"),
            ]),
        .target(name: "TUI", dependencies: ["CTerminal", "Charts", "Experiments", "Engine"]),
        .executableTarget(
            name: "workbench",
            dependencies: [
                "TUI", "Charts", "Experiments", "Engine",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .testTarget(name: "ChartsTests", dependencies: ["Charts"], exclude: ["Golden"]),
        // Plain loops over whole layers are compared with: unoptimised, those would take minutes.
        .testTarget(
            name: "EngineTests", dependencies: ["Engine", "CPrimitives"], swiftSettings: [.unsafeFlags(["-O"])]),
        .testTarget(name: "ExperimentsTests", dependencies: ["Experiments", "CImages"]),
        .testTarget(name: "TUITests", dependencies: ["TUI"], exclude: ["Golden"]),
        .testTarget(name: "WorkbenchTests", dependencies: ["Experiments"]),
    ],
    swiftLanguageModes: [.v6]
)
