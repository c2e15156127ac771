// Embedding by C23's #embed: a Swift literal of the same text would have to be kept in step by hand.
#include "CPresets.h"

static const unsigned char digits_cnn[] = {
#embed "../../examples/digits-cnn.yaml"
};
static const unsigned char mnist_cnn[] = {
#embed "../../examples/mnist-cnn.yaml"
};
static const unsigned char cifar_cnn[] = {
#embed "../../examples/cifar-cnn.yaml"
};
static const unsigned char shapes_cnn[] = {
#embed "../../examples/shapes-cnn.yaml"
};
static const unsigned char breast_cancer_mlp[] = {
#embed "../../examples/breast-cancer-mlp.yaml"
};
static const unsigned char iris_mlp[] = {
#embed "../../examples/iris-mlp.yaml"
};
static const unsigned char wine_mlp[] = {
#embed "../../examples/wine-mlp.yaml"
};
static const unsigned char spirals_mlp[] = {
#embed "../../examples/spirals-mlp.yaml"
};
static const unsigned char friedman_mlp[] = {
#embed "../../examples/friedman-mlp.yaml"
};
static const unsigned char resnet_small[] = {
#embed "../../examples/resnet-small.yaml"
};
static const unsigned char mobile_small[] = {
#embed "../../examples/mobile-small.yaml"
};

static const wb_preset presets[] = {
    {"digits-cnn", digits_cnn, sizeof digits_cnn},
    {"shapes-cnn", shapes_cnn, sizeof shapes_cnn},
    {"breast-cancer-mlp", breast_cancer_mlp, sizeof breast_cancer_mlp},
    {"iris-mlp", iris_mlp, sizeof iris_mlp},
    {"wine-mlp", wine_mlp, sizeof wine_mlp},
    {"spirals-mlp", spirals_mlp, sizeof spirals_mlp},
    {"friedman-mlp", friedman_mlp, sizeof friedman_mlp},
    {"mnist-cnn", mnist_cnn, sizeof mnist_cnn},
    {"cifar-cnn", cifar_cnn, sizeof cifar_cnn},
    {"resnet-small", resnet_small, sizeof resnet_small},
    {"mobile-small", mobile_small, sizeof mobile_small},
};
const wb_preset *wb_preset_at(size_t index) { return &presets[index]; }
size_t wb_preset_count(void) { return sizeof presets / sizeof *presets; }
