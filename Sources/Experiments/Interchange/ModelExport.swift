// ModelExport: the formats that a trained model is handed on in.
import Engine
import Foundation

/// Trained models as files of other programs.
public enum ModelExport {
    /// As an ONNX model; see ``ONNXExport``.
    public static func onnx(_ model: TrainedModel, includesPreprocessing: Bool, half: Bool) throws -> Data {
        try ONNXExport.encode(
            model.network, weights: model.weights, quantized: model.quantized, preprocessing: model.preprocessing,
            loss: model.spec.training.loss, numbers: half ? .float16 : .float32,
            includesPreprocessing: includesPreprocessing, name: model.spec.name, metadata: [("step", "\(model.step)")])
    }

    /// As a TensorFlow Lite model; see ``TFLiteExport``.
    /// - Parameter isDynamic: weights are bytes, activations floats.
    public static func tflite(_ model: TrainedModel, isDynamic: Bool) throws -> Data {
        try TFLiteExport.encode(
            model.network, weights: model.weights, quantized: model.quantized, preprocessing: model.preprocessing,
            loss: model.spec.training.loss, numbers: isDynamic ? .dynamicRange : .float32, name: model.spec.name)
    }

    /// As C99; see ``CExport``.
    public static func c(_ model: TrainedModel, name: String) -> [(name: String, bytes: Data)] {
        CExport.files(
            model.network, weights: model.weights, quantized: model.quantized, preprocessing: model.preprocessing,
            loss: model.spec.training.loss, name: name)
    }

    /// As a safetensors file; see ``ModelFile``.
    /// - Parameter session: where the model comes from.
    public static func safetensors(_ model: TrainedModel, session: String, variant: String?) throws -> Data {
        let reader = try SessionReader(path: session)
        defer { reader.close() }
        return try ModelFile.encode(model, specYAML: reader.info.specYAML, variant: variant)
    }
}
