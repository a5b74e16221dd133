// The end of the unit of a project that is simulated: behind the project's own sources, which it calls.
// Defined before it are CSIM_CALL (the statement that computes a sample from `double *in` to `double *out`),
// CSIM_INPUT_SIZE, CSIM_OUTPUT_SIZE, and CSIM_PORTS (an X(kind, name, type, size) for each input and output).

#include <cstdio>

namespace csim {

const size_t input_size = CSIM_INPUT_SIZE, output_size = CSIM_OUTPUT_SIZE;

void call(double *in, double *out) {
    unsigned short size = 0; // some bridges take sizes, and look at none
    (void)size;
    CSIM_CALL;
}

void describe(FILE *to) {
    char type[64];
#define X(kind, name, T, size)                                                                                         \
    type_name<T>::print(type);                                                                                         \
    fprintf(to, "%s\t%s\t%zu\t%s\n", kind, name, (size_t)(size), type);
    CSIM_PORTS
#undef X
}

void forget_events() {
#ifdef CSIM_COUNT
    light::clear_events();
#endif
}

} // namespace csim
