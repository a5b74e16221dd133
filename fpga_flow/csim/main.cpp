// Runs the C simulation of an HLS project that hls4ml wrote, through its bridge.
//
//     csim INPUTS OUTPUTS [LAYER=SIZE ...]
//
// INPUTS holds samples of CSIM_INPUTS doubles each; OUTPUTS gets CSIM_OUTPUTS doubles for each, written sample by sample, so that after a
// crash its size tells which sample caused it. For each LAYER (of SIZE values), OUTPUTS.LAYER gets that layer's output.
// This file is compiled as one unit behind the project and its bridge, and the names CSIM_... that are defined there.

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

struct Layer {
    std::string name;
    size_t size;
    FILE *file;
};

static FILE *open_or_exit(const std::string &path, const char *mode) {
    FILE *file = fopen(path.c_str(), mode);
    if (file == NULL) {
        perror(path.c_str());
        exit(4);
    }
    return file;
}

static void write_or_exit(const double *values, size_t count, FILE *file) {
    if (fwrite(values, sizeof(double), count, file) != count || fflush(file) != 0) {
        perror("writing the outputs");
        exit(4);
    }
}

int main(int argc, char **argv) {
    if (argc < 3)
        return 4;
    FILE *inputs = open_or_exit(argv[1], "rb");
    FILE *outputs = open_or_exit(argv[2], "wb");
    std::vector<Layer> layers;
    for (int i = 3; i < argc; i++) {
        std::string text(argv[i]);
        size_t equals = text.find('=');
        std::string name = text.substr(0, equals);
        size_t size = strtoul(text.c_str() + equals + 1, NULL, 10);
        layers.push_back({name, size, open_or_exit(std::string(argv[2]) + "." + name, "wb")});
    }
    if (!layers.empty())
        allocate_trace_storage(sizeof(double));

    std::vector<double> inputs_of_one(CSIM_INPUTS), outputs_of_one(CSIM_OUTPUTS);
    double *in = inputs_of_one.data(), *out = outputs_of_one.data();
    unsigned short input_size = 0, output_size = 0; // some bridges take them, and look at neither
    while (fread(in, sizeof(double), CSIM_INPUTS, inputs) == CSIM_INPUTS) {
        CSIM_CALL;
        write_or_exit(out, CSIM_OUTPUTS, outputs);
        for (const Layer &layer : layers)
            write_or_exit((const double *)nnet::trace_outputs->at(layer.name), layer.size, layer.file);
    }
    return 0;
}
