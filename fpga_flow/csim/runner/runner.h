// What the runner and the unit of a compiled project know of each other. The runner is compiled once for all projects.
#ifndef FPGA_FLOW_CSIM_RUNNER_H
#define FPGA_FLOW_CSIM_RUNNER_H
#include <cstddef>
#include <cstdio>

namespace csim {

// Of the project: values of one sample, one sample's computation, and a line "input|output NAME SIZE TYPE" for each port,
// with tabs between.
extern const size_t input_size, output_size;
void call(double *in, double *out);
void describe(FILE *to);
void forget_events();

// For the project: a layer's output, in the order of computation, once per sample; and what happened to conversions into
// a type since the last layer: how many values wrapped around or were saturated, the least and the largest of all.
void record(const char *layer, const char *type, const double *values, size_t size);
void event(const char *layer, const char *type, unsigned long long wrapped, unsigned long long saturated, double lowest,
           double highest);

} // namespace csim
#endif
