// Agreement beyond chance, against scikit-learn's matthews_corrcoef and cohen_kappa_score.

import Engine
import Testing

struct AgreementTests {
    @Test(arguments: [
        ([[5, 2, 0], [1, 7, 3], [0, 0, 9]], 0.6723420053272398, 0.6625000000000001),
        ([[50, 3], [7, 12]], 0.6239945134155399, 0.6166134185303513),
        ([[0, 4], [6, 0]], -1.0, -0.9230769230769229),
    ])
    func agreesWithScikitLearn(_ rows: [[Int]], _ mcc: Double, _ kappa: Double) throws {
        let matrix = ConfusionMatrix(rows: rows)
        #expect(abs(try #require(matrix.mcc) - mcc) < 1e-14)
        #expect(abs(try #require(matrix.cohenKappa) - kappa) < 1e-14)
    }

    @Test func undefinedIsNil() {
        for rows in [[], [[0]], [[7]], [[3, 0], [0, 0]], [[0, 3], [0, 0]]] as [[[Int]]] {
            #expect(ConfusionMatrix(rows: rows).mcc == nil)
        }
        #expect(ConfusionMatrix(rows: [[3, 0], [0, 0]]).cohenKappa == nil)
        #expect(ConfusionMatrix(rows: [[0, 3], [0, 0]]).cohenKappa == 0)
    }
}
