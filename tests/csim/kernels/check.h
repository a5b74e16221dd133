// Runs hls4ml's functions on random numbers and prints a hash of the bits of what they compute, case by case.
// With KERNELS defined, the kernels stand for them; it is then printed (to stderr), too, whether they take the fast way.
#ifdef KERNELS
#include "kernels.h"
#define FAST(name, ...) fprintf(stderr, "%s %d\n", name, int(__VA_ARGS__))
#else
#define FAST(name, ...)
#endif
#include "ap_fixed.h"
#include "ap_int.h"
#include "hls_stream.h"
#include "nnet_utils/nnet_types.h"
#include <cassert>
#include <cstdio>
#include <map>
#include <random>
#include <vector>

#include "parameters.h"

namespace nnet {
bool trace_enabled = false;
std::map<std::string, void *> *trace_outputs = NULL;
size_t trace_type_size = sizeof(double);
} // namespace nnet

typedef unsigned long long bits_t;
static std::mt19937_64 generator;

template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O> void put(ap_fixed_base<W, I, S, Q, O, 0> &x, bits_t bits) {
    x.set_bits(typename ap_fixed_base<W, I, S, Q, O, 0>::calc(bits));
}
template <int W, bool S> void put(ap_int_base<W, S> &x, bits_t bits) { x.set(typename ap_int_base<W, S>::calc(bits)); }

// Random bits; or all the lowest, the highest, alternating numbers, or zeros among small ones.
template <class T> std::vector<T> numbers(size_t count, int kind) {
    std::vector<T> values(count);
    const bits_t top = bits_t(1) << ((T::width < 64 ? T::width : 64) - 1);
    for (size_t i = 0; i < count; i++) {
        const bits_t random = generator();
        put(values[i], kind == 0   ? top
                       : kind == 1 ? top - 1
                       : kind == 2 ? (i % 2 ? top : top - 1)
                       : kind == 3 ? (random % 2 ? 0 : (random >> 8) % 5)
                                   : random);
    }
    return values;
}

struct Hash {
    bits_t value = 14695981039346656037ull;
    void add(bits_t bits) { value = (value ^ bits) * 1099511628211ull; }
    template <class T> void add_number(const T &x) {
        add(bits_t(x.V.v));
        add(bits_t(__int128(x.V.v) >> 64));
    }
};

const int SAMPLES = 9;

template <class X, class R, class W, class B, class F>
void check_array(const char *name, size_t n_in, size_t n_out, size_t n_w, size_t n_b, F function) {
    Hash hash;
    generator.seed(1);
    std::vector<W> w = numbers<W>(n_w, 4);
    std::vector<B> b = numbers<B>(n_b, 4);
    for (int sample = 0; sample < SAMPLES; sample++) {
        std::vector<X> x = numbers<X>(n_in, sample);
        std::vector<R> result(n_out);
        if (sample == 5) // the same layer with other weights: nothing of the old ones may be kept
            w = numbers<W>(n_w, 2);
        function(x.data(), result.data(), w.data(), b.data());
        for (const R &value : result)
            hash.add_number(value);
    }
    printf("%s %llx\n", name, hash.value);
}

template <class X, class R, class W, class B, class F>
void check_stream(const char *name, size_t packs_in, size_t n_w, size_t n_b, F function) {
    Hash hash;
    generator.seed(1);
    std::vector<W> w = numbers<W>(n_w, 4);
    std::vector<B> b = numbers<B>(n_b, 4);
    for (int sample = 0; sample < SAMPLES; sample++) {
        std::vector<typename X::value_type> x = numbers<typename X::value_type>(packs_in * X::size, sample);
        hls::stream<X> in;
        hls::stream<R> out;
        for (size_t i = 0; i < packs_in; i++) {
            X pack;
            for (size_t j = 0; j < X::size; j++)
                pack[j] = x[i * X::size + j];
            in.write(pack);
        }
        function(in, out, w.data(), b.data());
        hash.add(in.size());
        for (; !out.empty(); hash.add(1)) {
            R pack = out.read();
            for (size_t j = 0; j < R::size; j++)
                hash.add_number(pack[j]);
        }
    }
    printf("%s %llx\n", name, hash.value);
}
