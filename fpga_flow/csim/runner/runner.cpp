// Runs the C simulation of a project, which a unit of its own holds (see runner.h):
//
//     csim describe TO                  a line "input|output NAME SIZE TYPE" for each port
//     csim run INPUTS OUTPUTS JOBS TO   computes the samples in INPUTS, with JOBS processes
//     csim trace INPUTS OUTPUTS TO      the same in one process; records every layer, too
//
// INPUTS and OUTPUTS hold doubles, one sample behind the other. What it has to say it writes to the file descriptor TO, a
// line each, with tabs between the words; standard output and error are left to the project. From time to time that is
// "done N", and "crash SAMPLE signal|code NUMBER" if computing a sample ended the process. A trace writes layer K (from 0)
// to OUTPUTS.K, and says "layer K NAME SIZE TYPE" and "event NAME TYPE WRAPPED SATURATED LOWEST HIGHEST".
// Exit code 4: a file can't be read or written; 5: a process ended before it was done.
// What hls4ml generates is not re-entrant (static buffers), so samples are spread over processes, never threads; each
// computes in a thread with a stack that is large enough for the arrays of wide layers.

#include "runner.h"
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <pthread.h>
#include <signal.h>
#include <string>
#include <sys/mman.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

const size_t BLOCK_BYTES = 1 << 18, STACK_BYTES = size_t(1) << 30;

struct Layer {
    std::string name, type;
    size_t size;
    FILE *file;
};
struct Events {
    unsigned long long wrapped, saturated;
    double lowest, highest;
};
std::vector<Layer> layers;
std::map<std::pair<std::string, std::string>, Events> all_events;
std::vector<std::pair<std::string, std::string>> event_order;
size_t next_layer = 0;
bool recording = false, first_sample = true;
std::string outputs_path;
FILE *say = NULL;

[[noreturn]] void fail(const std::string &what) {
    fprintf(stderr, "%s: %s\n", what.c_str(), strerror(errno));
    exit(4);
}

FILE *open_or_fail(const std::string &path, const char *mode) {
    FILE *file = fopen(path.c_str(), mode);
    if (file == NULL)
        fail(path);
    return file;
}

struct Slice {
    const char *inputs, *outputs;
    size_t first, last;
    volatile long long *at; // the sample that is being computed
};

void compute(const Slice &slice, bool warm_up) {
    FILE *inputs = open_or_fail(slice.inputs, "rb"), *outputs = open_or_fail(slice.outputs, "r+b");
    const size_t in_size = csim::input_size, out_size = csim::output_size;
    const size_t block = BLOCK_BYTES / (8 * (in_size + out_size)) + 1;
    std::vector<double> in(block * in_size), out(block * out_size);
    if (fseek(inputs, long(slice.first * in_size * 8), SEEK_SET) != 0)
        fail(slice.inputs);
    if (fseek(outputs, long(slice.first * out_size * 8), SEEK_SET) != 0)
        fail(slice.outputs);
    for (size_t start = slice.first; start < slice.last; start += block) {
        const size_t count = slice.last - start < block ? slice.last - start : block;
        if (fread(in.data(), 8 * in_size, count, inputs) != count)
            fail(slice.inputs);
        if (warm_up && start == slice.first) { // it loads the weights, whose conversions are no events
            recording = false;
            csim::call(in.data(), out.data());
            csim::forget_events();
            recording = true;
        }
        for (size_t i = 0; i < count; i++) {
            *slice.at = (long long)(start + i);
            next_layer = 0;
            csim::call(&in[i * in_size], &out[i * out_size]);
            if (recording && next_layer != layers.size()) {
                fprintf(stderr, "ERROR: sample %zu has %zu layers, the first one had %zu\n", start + i, next_layer, layers.size());
                exit(4);
            }
            first_sample = false;
        }
        if (fwrite(out.data(), 8 * out_size, count, outputs) != count || fflush(outputs) != 0)
            fail(slice.outputs);
    }
    *slice.at = (long long)slice.last;
    if (fclose(outputs) != 0)
        fail(slice.outputs);
    fclose(inputs);
}

void *compute_thread(void *slice) {
    compute(*(const Slice *)slice, recording);
    return NULL;
}

// In a thread, since the stack of a process has a limit that its user sets.
void compute_with_stack(Slice slice) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    for (size_t bytes = STACK_BYTES; bytes >= (1 << 24); bytes /= 2)
        if (pthread_attr_setstacksize(&attributes, bytes) == 0 && pthread_create(&thread, &attributes, compute_thread, &slice) == 0) {
            pthread_join(thread, NULL);
            return;
        }
    fail("starting a thread");
}

// A process ends when the one that started it does.
void end_with_parent() {
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
}

// Starts a process for each slice, that computes it and then calls `then`; waits for all of them.
int compute_all(const char *inputs, const char *outputs, size_t jobs, void (*then)()) {
    struct stat status;
    if (stat(inputs, &status) != 0)
        fail(inputs);
    const size_t samples = size_t(status.st_size) / (8 * csim::input_size);
    fclose(open_or_fail(outputs, "wb"));
    jobs = jobs < 1 ? 1 : jobs > samples ? samples : jobs;
    long long *at = (long long *)mmap(NULL, (jobs + 1) * sizeof(long long), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        fail("mmap");
    std::vector<size_t> first;
    for (size_t job = 0; job <= jobs; job++)
        first.push_back(jobs == 0 ? 0 : samples * job / jobs);
    std::vector<pid_t> children;
    sigset_t child_ended;
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_ended, NULL);
    for (size_t job = 0; job < jobs; job++) {
        at[job] = (long long)first[job];
        const pid_t child = fork();
        if (child < 0)
            fail("fork");
        if (child == 0) {
            end_with_parent();
            compute_with_stack({inputs, outputs, first[job], first[job + 1], &at[job]});
            then();
            fflush(NULL);
            _exit(0);
        }
        children.push_back(child);
    }
    int code = 0;
    for (size_t running = jobs; running > 0;) {
        const timespec wait = {0, 100000000};
        sigtimedwait(&child_ended, NULL, &wait);
        int how = 0;
        for (pid_t child; running > 0 && (child = waitpid(-1, &how, WNOHANG)) > 0; running--) {
            size_t job = 0;
            while (children[job] != child)
                job++;
            children[job] = 0;
            // a project may call exit(), whose code says nothing
            const bool done = at[job] == (long long)first[job + 1];
            if (code != 0 || (done && WIFEXITED(how) && WEXITSTATUS(how) == 0))
                continue;
            code = WIFEXITED(how) && WEXITSTATUS(how) == 4 ? 4 : 5;
            if (code == 5)
                fprintf(say, "crash\t%lld\t%s\t%d\n", at[job], WIFSIGNALED(how) ? "signal" : "code",
                        WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how));
            for (pid_t each : children)
                if (each != 0)
                    kill(each, SIGKILL);
        }
        long long done = 0;
        for (size_t job = 0; job < jobs; job++)
            done += at[job] - (long long)first[job];
        fprintf(say, "done\t%lld\n", done); // and if nobody listens any more, this ends it
    }
    return code;
}

int run(const char *inputs, const char *outputs, size_t jobs) {
    return compute_all(inputs, outputs, jobs, [] {});
}

void say_layers() {
    for (size_t i = 0; i < layers.size(); i++) {
        if (fclose(layers[i].file) != 0)
            fail("writing a layer");
        fprintf(say, "layer\t%zu\t%s\t%zu\t%s\n", i, layers[i].name.c_str(), layers[i].size, layers[i].type.c_str());
    }
    for (const auto &key : event_order) {
        const Events &each = all_events[key];
        fprintf(say, "event\t%s\t%s\t%llu\t%llu\t%.17g\t%.17g\n", key.first.c_str(), key.second.c_str(), each.wrapped,
                each.saturated, each.lowest, each.highest);
    }
}

int trace(const char *inputs, const char *outputs) {
    recording = true;
    outputs_path = outputs;
    return compute_all(inputs, outputs, 1, say_layers);
}

} // namespace

namespace csim {

void record(const char *layer, const char *type, const double *values, size_t size) {
    if (!recording)
        return;
    if (first_sample)
        layers.push_back({layer, type, size, open_or_fail(outputs_path + "." + std::to_string(layers.size()), "wb")});
    if (next_layer >= layers.size() || layers[next_layer].name != layer || layers[next_layer].size != size) {
        fprintf(stderr, "ERROR: layer \"%s\" gave %zu values, which it did not for the first sample\n", layer, size);
        exit(4);
    }
    if (fwrite(values, 8, size, layers[next_layer].file) != size)
        fail(outputs_path);
    next_layer++;
}

void event(const char *layer, const char *type, unsigned long long wrapped, unsigned long long saturated, double lowest,
           double highest) {
    if (!recording)
        return;
    const std::pair<std::string, std::string> key(layer, type);
    const auto found = all_events.find(key);
    if (found == all_events.end()) {
        event_order.push_back(key);
        all_events[key] = {wrapped, saturated, lowest, highest};
        return;
    }
    Events &each = found->second;
    each.wrapped += wrapped;
    each.saturated += saturated;
    each.lowest = lowest < each.lowest ? lowest : each.lowest;
    each.highest = highest > each.highest ? highest : each.highest;
}

} // namespace csim

int main(int argc, char **argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    end_with_parent();
    say = argc > 2 ? fdopen(atoi(argv[argc - 1]), "w") : NULL;
    if (say != NULL) {
        setvbuf(say, NULL, _IOLBF, BUFSIZ); // several processes write to it
        if (what == "describe" && argc == 3) {
            csim::describe(say);
            return 0;
        }
        if (what == "run" && argc == 6)
            return run(argv[2], argv[3], strtoul(argv[4], NULL, 10));
        if (what == "trace" && argc == 5)
            return trace(argv[2], argv[3]);
    }
    fprintf(stderr, "usage: csim describe TO | run INPUTS OUTPUTS JOBS TO | trace INPUTS OUTPUTS TO\n");
    return 4;
}
