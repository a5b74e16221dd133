// The host of a board: sends questions and hears answers on the serial line of the simulated design, bit by bit.
//
//     simulation QUESTIONS ANSWERS COUNT QUESTION_BYTES ANSWER_BYTES CYCLES_PER_BIT MOST_CYCLES LOST SILENCE
//
// CYCLES_PER_BIT is a number with a fraction: the host's line keeps its own time. An answer that is not there MOST_CYCLES
// after its question ends the simulation with exit code 3, one with a wrong stop bit or more bytes than it has with 4.
// LOST bytes of a question that breaks off go before each one, and SILENCE cycles after them.

#include "Vtop.h"
#include "verilated.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

namespace {

struct Line {
    Vtop &design;
    double cycles_per_bit;
    double cycle = 0;
    // what is heard: bits since the start of a byte, -1 between bytes
    double begun = -1;
    int place = -1;
    unsigned heard = 0;
    std::vector<uint8_t> bytes;
    bool broken = false;

    void tick() {
        design.clk = 0;
        design.eval();
        design.clk = 1;
        design.eval();
        cycle++;
        if (place < 0) {
            if (!design.tx) begun = cycle, place = 0, heard = 0;
        } else if (cycle >= begun + (place + 0.5) * cycles_per_bit) {
            if (place == 0 && design.tx) broken = true;
            if (place > 0 && place < 9) heard |= static_cast<unsigned>(design.tx) << (place - 1);
            if (place < 9) {
                place++;
            } else {
                broken = broken || !design.tx;
                bytes.push_back(static_cast<uint8_t>(heard));
                place = -1;
            }
        }
    }

    void send(uint8_t byte) {
        const unsigned bits = (byte | 0x100u) << 1;  // start bit 0, eight bits, stop bit 1
        const double start = cycle;
        for (int i = 0; i < 10; i++) {
            design.rx = bits >> i & 1;
            while (cycle < start + (i + 1) * cycles_per_bit) tick();
        }
    }
};

}  // namespace

int main(int, char **arguments) {
    const unsigned long count = std::strtoul(arguments[3], nullptr, 10);
    const std::size_t in = std::strtoul(arguments[4], nullptr, 10), out = std::strtoul(arguments[5], nullptr, 10);
    const double cycles_per_bit = std::strtod(arguments[6], nullptr), most = std::strtod(arguments[7], nullptr);
    const unsigned long lost = std::strtoul(arguments[8], nullptr, 10);
    const double silence = std::strtod(arguments[9], nullptr);
    std::FILE *questions = std::fopen(arguments[1], "rb"), *answers = std::fopen(arguments[2], "wb");
    if (!questions || !answers) return 2;
    const auto context = std::make_unique<VerilatedContext>();
    const auto design = std::make_unique<Vtop>(context.get());
    Line line{*design, cycles_per_bit};
    std::vector<uint8_t> question(in);
    design->rx = 1;
    while (line.cycle < 20 * cycles_per_bit) line.tick();
    for (unsigned long i = 0; i < count; i++) {
        if (std::fread(question.data(), 1, in, questions) != in) return 2;
        if (lost) {
            for (unsigned long j = 0; j < lost; j++) line.send(0x5a);
            const double broken_off = line.cycle;
            while (line.cycle < broken_off + silence) line.tick();
        }
        line.bytes.clear();
        for (const uint8_t byte : question) line.send(byte);
        const double asked = line.cycle;
        while (line.bytes.size() < out && line.cycle < asked + most) line.tick();
        if (line.bytes.size() < out) return 3;
        // the stop bit, and time for a byte too many
        const double told = line.cycle;
        while (line.cycle < told + 11 * cycles_per_bit) line.tick();
        if (line.broken || line.bytes.size() != out) return 4;
        if (std::fwrite(line.bytes.data(), 1, out, answers) != out) return 2;
    }
    design->final();
    return std::fclose(answers) ? 2 : 0;
}
