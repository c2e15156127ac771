// TensorBoardExport: a session as TensorBoard's event files: curves, pictures of the last evaluation, hyperparameters.
import Engine
import Foundation

/// Sessions as files of events that TensorBoard reads (its protocol buffers `Event` and `Summary`, version "brain.Event:2").
public enum TensorBoardExport {
    /// The files, by their path in a folder that is TensorBoard's `--logdir`: one for a run; for a cross-validation one more in a
    /// folder for each fold. The same session gives the same bytes.
    /// - Throws: ``SessionError``.
    public static func files(session path: String) throws -> [(name: String, bytes: Data)] {
        let reader = try SessionReader(path: path)
        defer { reader.close() }
        var files = [try file(reader, folder: "")]
        for other in try reader.runs().dropFirst() {
            let fold = try SessionReader(path: path, run: other.run)
            defer { fold.close() }
            files.append(try file(fold, folder: "fold\(other.run - 1)/"))
        }
        return files
    }

    private static func file(_ reader: SessionReader, folder: String) throws -> (name: String, bytes: Data) {
        let run = RunState(try reader.runEvents())
        let begin = reader.info.createdAt.timeIntervalSince1970
        var log = EventLog(begin: begin)
        log.append(step: 0, seconds: 0) { $0.string(field: 3, "brain.Event:2") }
        if let head = run.head { hyperparameters(head, reader.info, &log) }
        curves(run, &log)
        pictures(run, &log)
        if let finished = run.finished { end(finished, begin, &log) }
        let seconds = begin.isFinite ? Int(min(max(0, begin), 1e15)) : 0
        return ("\(folder)events.out.tfevents.\(seconds).\(host(reader.info.host))", Data(log.records.bytes))
    }

    /// What a file's name may hold of a host's.
    private static func host(_ name: String) -> String {
        let known = name.unicodeScalars.prefix(64).map { scalar -> Character in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "-", "_": Character(scalar)
            default: "-"
            }
        }
        return known.isEmpty ? "unknown" : String(known)
    }

    // MARK: Curves

    /// One event for all that was measured at a step at the same moment.
    private static func curves(_ run: RunState, _ log: inout EventLog) {
        let curves = run.curves.sorted { $0.key < $1.key }
        var places = curves.map { _ in 0 }
        while true {
            var next: (step: Int, seconds: Double)?
            for (index, (_, curve)) in curves.enumerated() where places[index] < curve.count {
                let here = (curve.steps[places[index]], curve.seconds[places[index]])
                if next.map({ here < $0 }) ?? true { next = here }
            }
            guard let next else { return }
            log.append(step: next.step, seconds: next.seconds) { event in
                event.message(field: 5) { summary in
                    for (index, (name, curve)) in curves.enumerated() {
                        // The same metric twice at one moment: both, in their order.
                        while places[index] < curve.count, curve.steps[places[index]] == next.step,
                            curve.seconds[places[index]] == next.seconds
                                || !((curve.steps[places[index]], curve.seconds[places[index]]) > next)
                        {
                            let value = curve.values[places[index]]
                            summary.message(field: 1) {
                                $0.string(field: 1, name)
                                $0.float(field: 2, Float(value))
                            }
                            places[index] += 1
                        }
                    }
                }
            }
        }
    }

    // MARK: Pictures

    private static func pictures(_ run: RunState, _ log: inout EventLog) {
        for (split, evaluated) in run.evaluations.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            var rasters: [(name: String, raster: Raster)] = []
            if let detail = evaluated.detail {
                rasters.append(("roc", EvaluationRaster.roc(detail)))
                rasters.append(("precision_recall", EvaluationRaster.precisionRecall(detail)))
                rasters.append(("confusion", EvaluationRaster.confusion(detail.confusion)))
            }
            if let regression = evaluated.regression {
                rasters.append(("predictions", EvaluationRaster.predictions(regression.pairs)))
            }
            for (name, raster) in rasters {
                guard let png = raster.png() else { continue }
                log.append(step: evaluated.step, seconds: evaluated.seconds) { event in
                    event.message(field: 5) { summary in
                        summary.message(field: 1) { value in
                            value.string(field: 1, "\(split.rawValue)/\(name)")
                            value.message(field: 4) { image in
                                image.varint(field: 1, raster.height)
                                image.varint(field: 2, raster.width)
                                image.varint(field: 3, 3)
                                image.bytes(field: 4, png)
                            }
                        }
                    }
                }
            }
        }
    }

    // MARK: Hyperparameters

    private enum Parameter {
        case number(Double), text(String)
    }

    /// What the hparams plugin calls the start of a session.
    private static func hyperparameters(_ head: RunEvent.Started, _ info: SessionInfo, _ log: inout EventLog) {
        var parameters: [(String, Parameter)] = [
            ("batch", .number(Double(head.batch))), ("dataset", .text(head.dataset)),
            ("epochs", .number(Double(head.epochs))), ("layers", .text(head.layers.joined(separator: ", "))),
            ("learning_rate", .number(head.learningRate)), ("optimizer", .text(head.optimizer)),
            ("parameters", .number(Double(head.parameters))), ("shards", .number(Double(head.shards))),
            ("train_examples", .number(Double(head.trainExamples))),
        ]
        // A double does not hold every seed.
        parameters.append(
            ("seed", Double(exactly: head.seed).map { .number($0) } ?? .text("\(head.seed)")))
        let begin = info.createdAt.timeIntervalSince1970
        log.appendParameters(tag: "_hparams_/session_start_info", seconds: 0) { content in
            content.message(field: 3) { start in
                for (name, parameter) in parameters {
                    start.message(field: 1) { entry in
                        entry.string(field: 1, name)
                        // google.protobuf.Value
                        entry.message(field: 2) { value in
                            switch parameter {
                            case .number(let number): value.double(field: 2, number)
                            case .text(let text): value.string(field: 3, text)
                            }
                        }
                    }
                }
                start.string(field: 4, info.runID)
                start.double(field: 5, begin)
            }
        }
    }

    private static func end(_ finished: RunEvent.Finished, _ begin: Double, _ log: inout EventLog) {
        log.appendParameters(tag: "_hparams_/session_end_info", seconds: finished.seconds) { content in
            content.message(field: 4) {
                // STATUS_FAILURE, STATUS_SUCCESS
                $0.varint(field: 1, finished.reason == .diverged ? 2 : 1)
                $0.double(field: 2, begin + finished.seconds)
            }
        }
    }
}

/// Events in the making.
private struct EventLog {
    let begin: Double
    var records = TFRecordWriter()

    mutating func append(step: Int, seconds: Double, _ write: (inout ProtobufWriter) -> Void) {
        var event = ProtobufWriter()
        event.double(field: 1, begin + seconds)
        if step != 0 { event.varint(field: 2, step) }
        write(&event)
        records.append(event.bytes)
    }

    /// A value that is all metadata, of the hparams plugin, version 0; the tensor of no floats is there because one must be.
    mutating func appendParameters(tag: String, seconds: Double, _ content: (inout ProtobufWriter) -> Void) {
        append(step: 0, seconds: seconds) { event in
            event.message(field: 5) { summary in
                summary.message(field: 1) { value in
                    value.string(field: 1, tag)
                    value.message(field: 8) { tensor in
                        tensor.varint(field: 1, 1)
                        tensor.message(field: 2) { shape in shape.message(field: 2) { _ in } }
                    }
                    value.message(field: 9) { metadata in
                        metadata.message(field: 1) { plugin in
                            plugin.string(field: 1, "hparams")
                            plugin.message(field: 2, content)
                        }
                    }
                }
            }
        }
    }
}
