// Drives the RTL of a network: a sample in each clock cycle, but for a gap now and then, in which the inputs are wrong.
//
//     simulation INPUTS OUTPUTS SAMPLES INPUT_BITS OUTPUT_WORDS LATENCY
//
// INPUTS and OUTPUTS hold 32-bit words, as many as a sample needs; the first bit of a port is the lowest of its first
// word.
// Exits with 3 if out_valid does not follow in_valid after LATENCY cycles.

#include "Vtop.h"
#include "verilated.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

static const unsigned long GAP = 7;  // every so many cycles no sample comes in

template <typename Port>
static void put(Port &port, const uint32_t *words, std::size_t) {
    uint64_t value = words[0];
    if (sizeof(Port) > 4) value |= static_cast<uint64_t>(words[1]) << 32;
    port = static_cast<Port>(value);
}

template <std::size_t N>
static void put(VlWide<N> &port, const uint32_t *words, std::size_t) {
    for (std::size_t i = 0; i < N; i++) port[i] = words[i];
}

template <typename Port>
static void take(const Port &port, uint32_t *words, std::size_t count) {
    words[0] = static_cast<uint32_t>(port);
    if (count > 1) words[1] = static_cast<uint32_t>(static_cast<uint64_t>(port) >> 32);
}

template <std::size_t N>
static void take(const VlWide<N> &port, uint32_t *words, std::size_t) {
    for (std::size_t i = 0; i < N; i++) words[i] = port[i];
}

int main(int, char **arguments) {
    const unsigned long samples = std::strtoul(arguments[3], nullptr, 10);
    const std::size_t bits = std::strtoul(arguments[4], nullptr, 10), in = (bits + 31) / 32;
    const std::size_t out = std::strtoul(arguments[5], nullptr, 10);
    const uint32_t last = bits % 32 ? (1u << bits % 32) - 1 : ~0u;  // Verilator wants zeros above a port's bits
    const unsigned long latency = std::strtoul(arguments[6], nullptr, 10);
    std::FILE *inputs = std::fopen(arguments[1], "rb"), *outputs = std::fopen(arguments[2], "wb");
    if (!inputs || !outputs) return 2;
    const auto context = std::make_unique<VerilatedContext>();
    const auto design = std::make_unique<Vtop>(context.get());
    std::vector<uint32_t> sample(in + 1), result(out + 1);
    std::vector<bool> sent;  // whether a sample came in, for each cycle
    unsigned long given = 0, taken = 0;
    for (unsigned long cycle = 0; taken < samples; cycle++) {
        const bool gap = cycle % GAP == GAP - 1 || given == samples;
        if (gap) {
            for (std::size_t i = 0; i < in; i++) sample[i] = ~sample[i];
            sample[in - 1] &= last;
        } else if (std::fread(sample.data(), sizeof(uint32_t), in, inputs) != in) {
            return 2;
        } else {
            given++;
        }
        put(design->in_data, sample.data(), in);
        design->in_valid = !gap;
        sent.push_back(!gap);
        design->clk = 0;
        design->eval();
        design->clk = 1;
        design->eval();
        const bool due = cycle + 1 >= latency && sent[cycle + 1 - latency];
        if (due != static_cast<bool>(design->out_valid)) return 3;
        if (!due) continue;
        take(design->out_data, result.data(), out);
        if (std::fwrite(result.data(), sizeof(uint32_t), out, outputs) != out) return 2;
        taken++;
    }
    design->final();
    return std::fclose(outputs) ? 2 : 0;
}
