// C out: what is written compiles without a warning, and gives our answers.

import Engine
import Foundation
import Testing

@testable import Experiments

@Suite struct CExportTests {
    private func run(_ arguments: [String], input: String = "/dev/null") throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle(forReadingAtPath: input)
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    /// The compiler by its name; clang comes with the Swift toolchain, which need not be in the PATH as a whole.
    private func place(of compiler: String) throws -> String {
        guard compiler == "clang", try run(["sh", "-c", "command -v clang"]).status != 0 else { return compiler }
        let swift = try run(["sh", "-c", "readlink -f \"$(command -v swift)\""]).output
        return ((swift.trimmingCharacters(in: .whitespacesAndNewlines) as NSString).deletingLastPathComponent)
            + "/clang"
    }

    /// Example `index` as the program reads it.
    private func input(_ sample: ExchangeSample, _ index: Int) -> Data {
        let size = sample.preprocessing.rawShape.count
        switch sample.raw {
        case .bytes(let bytes): return Data(bytes[index * size..<(index + 1) * size])
        case .floats(let values):
            return Data(
                values[index * size..<(index + 1) * size].map { $0.isNaN ? "nan" : "\($0)" }.joined(separator: " ").utf8
            )
        case .streamed: return Data()
        }
    }

    @Test(arguments: ["gcc", "clang"])
    func compilesAndAgrees(compiler: String) throws {
        let folder = try TemporaryFolder()
        let compiler = try place(of: compiler)
        for sample in try ExchangeSample.all(count: 24) {
            let answers = try sample.answers()
            let outputs = answers.floats.count / 24
            for inBytes in [false, true] {
                let files = CExport.files(
                    sample.network, weights: sample.weights, quantized: inBytes ? sample.quantized : nil,
                    preprocessing: sample.preprocessing, loss: sample.loss, name: sample.name)
                #expect(files.map(\.name).allSatisfy { !$0.contains("-") })
                for file in files { try file.bytes.write(to: URL(fileURLWithPath: folder[file.name])) }
                let program = folder["program"]
                let built = try run(
                    [
                        compiler, "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-O1", "-o",
                        program,
                    ] + files.map { folder[$0.name] }.filter { $0.hasSuffix(".c") } + ["-lm"])
                #expect(built.status == 0, "\(sample.name): \(built.output.prefix(2000))")
                guard built.status == 0 else { continue }
                let wanted = inBytes ? answers.bytes : answers.floats
                for index in [0, 7, 23] {
                    try input(sample, index).write(to: URL(fileURLWithPath: folder["input"]))
                    let said = try run([program], input: folder["input"])
                    let found = said.output.split(separator: "\n").compactMap { Float($0) }
                    let row = Array(wanted[index * outputs..<(index + 1) * outputs])
                    let size = max(1, row.reduce(0) { max($0, abs($1)) })
                    let exact = !inBytes || ["mnist-like", "strided", "wide-table"].contains(sample.name)
                    #expect(
                        said.status == 0 && found.count == outputs
                            && zip(found, row).allSatisfy { abs($0 - $1) <= (exact ? 1e-5 : 0.02) * size },
                        "\(sample.name) \(inBytes): \(found) \(row)")
                }
            }
        }
    }

    /// Nothing of a name comes out of its string.
    @Test func namesStayInTheirStrings() throws {
        let folder = try TemporaryFolder()
        var sample = try #require(try ExchangeSample.all(count: 16).last { $0.name == "wide-table" })
        sample.preprocessing.classes = ["\"; int x;", "??/", "*/ \n\\ é\u{0}end"]
        let files = CExport.files(
            sample.network, weights: sample.weights, preprocessing: sample.preprocessing, loss: sample.loss,
            name: "7 while */ \"x")
        #expect(files[0].name == "net_7_while_____x.c")
        for file in files { try file.bytes.write(to: URL(fileURLWithPath: folder[file.name])) }
        let built = try run(
            ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-c", "-o", folder["x.o"], folder[files[0].name]])
        #expect(built.status == 0, "\(built.output)")
        #expect(CProgram.identifier("while") == "while_net" && CProgram.identifier("") == "net_")
    }
}
