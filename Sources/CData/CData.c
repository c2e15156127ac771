// The built-in data sets by C23 #embed: compiled in a moment, where a Swift literal takes minutes.
#include "CData.h"

static const unsigned char digits[] = {
#embed "data/digits-8x8.csv"
};
static const unsigned char breast_cancer[] = {
#embed "data/breast-cancer.csv"
};
static const unsigned char iris[] = {
#embed "data/iris.csv"
};
static const unsigned char wine[] = {
#embed "data/wine.csv"
};

wb_embedded_file wb_data_digits(void) { return (wb_embedded_file){digits, sizeof digits}; }
wb_embedded_file wb_data_breast_cancer(void) { return (wb_embedded_file){breast_cancer, sizeof breast_cancer}; }
wb_embedded_file wb_data_iris(void) { return (wb_embedded_file){iris, sizeof iris}; }
wb_embedded_file wb_data_wine(void) { return (wb_embedded_file){wine, sizeof wine}; }
