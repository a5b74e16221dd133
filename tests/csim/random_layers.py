"""Random layers as hls4ml configures them, in C++ that runs each on random numbers and prints a hash of the results."""

from __future__ import annotations

import random
from pathlib import Path

from hls4ml.backends import get_backend

HEADERS = ("code_gen", "activation", "activation_stream", "conv1d", "conv1d_stream", "conv2d", "conv2d_stream", "dense",
           "dense_stream", "pooling", "pooling_stream", "sepconv2d_stream")  # fmt: skip
SIDES = ("top", "bottom", "left", "right")
#: Of a convolution's configuration, what its functions name.
LINE_BUFFER = """
    static const nnet::conv_implementation implementation = nnet::conv_implementation::linebuffer;
    static const unsigned min_width = in_width;
    static constexpr ap_uint<filt_height * filt_width> *pixels = nullptr;
    template<unsigned K, unsigned S, unsigned W> using scale_index = nnet::scale_index_regular<K, S, W>;
    template<unsigned K, unsigned S, unsigned W> using scale_index_height = nnet::scale_index_regular<K, S, W>;
    template<unsigned K, unsigned S, unsigned W> using scale_index_width = nnet::scale_index_regular<K, S, W>;
"""


def divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]


def outputs(sizes: dict[str, int]) -> dict[str, int]:
    """The height and width of a window's results."""
    padded = {"height": sizes["in_height"] + sizes["pad_top"] + sizes["pad_bottom"],
              "width": sizes["in_width"] + sizes["pad_left"] + sizes["pad_right"]}  # fmt: skip
    return {f"out_{name}": (size - sizes[f"filt_{name}"]) // sizes[f"stride_{name}"] + 1
            for name, size in padded.items()}  # fmt: skip


class Layers:
    """The layers' configurations, generated code and calls; `fast` are those that the kernels must compute themselves,
    `slow` those that must fall back on hls4ml's code.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.parameters: list[str] = []
        self.code: list[str] = []
        self.calls: list[str] = []
        self.slow: set[str] = set()
        self.fast: set[str] = set()
        self.count = 0

    def add(self, fast: bool, trait: str, call: str) -> None:
        """One more layer; `trait` is what the kernels' C++ says of `fast`."""
        name = f"case{self.count}"
        self.calls.append(f'    FAST("{name}", {trait});\n    check_{call}\n'.replace("NAME", f'"{name}"'))
        (self.fast if fast else self.slow).add(name)
        self.count += 1

    def config(self, name: str, base: str, text: str, numbers: dict[str, int] | dict[str, str]) -> None:
        fields = "".join(f"    static const unsigned {key} = {value};\n" for key, value in numbers.items())
        self.parameters.append(f"struct {name} : nnet::{base} {{\n{fields}    {text}\n}};\n")

    def type(self, widest: int = 20, modes: bool = False) -> str:
        kind = self.random.choice(["ap_fixed", "ap_fixed", "ap_fixed", "ap_ufixed", "ap_int", "ap_uint"])
        width = self.random.randint(2, widest)
        if kind in ("ap_int", "ap_uint"):
            return f"{kind}<{width}>"
        rounding = self.random.choice(["AP_TRN", "AP_RND", "AP_RND_CONV"])
        overflow = self.random.choice(["AP_SAT", "AP_WRAP", "AP_SAT_SYM"])
        mode = f", {rounding}, {overflow}" if modes else ""
        return f"{kind}<{width}, {self.random.randint(-2, width + 2)}{mode}>"

    def sums(self) -> tuple[str, bool]:
        """The types of a layer's weights and sums, and whether these are computed the fast way."""
        narrow = self.random.randint(4, 30)
        accumulator, fast, product = f"ap_fixed<{self.random.randint(4, 48)}, {narrow - 6}>", True, "mult"
        weight = self.type()
        match self.count % 12:
            case 0:
                accumulator, fast = f"ap_fixed<{narrow}, 8, AP_RND, AP_WRAP>", False
            case 1:
                accumulator, fast = f"ap_fixed<{narrow}, 8, AP_TRN, AP_SAT>", False
            case 2:
                accumulator, fast = f"ap_fixed<{narrow + 61}, 30>", False
            case 3:
                weight, product, fast = "ap_int<2>", "weight_ternary", False
            case 4:
                weight, product, fast = "ap_uint<1>", "weight_binary", False
            case 5:  # all bits of the products below the point are cut, and more
                accumulator = f"ap_fixed<{narrow}, {narrow + 6}>"
            case 6:
                accumulator = f"ap_ufixed<{narrow}, 10>"
            case 7:
                accumulator, weight = "ap_fixed<32, 16>", self.random.choice(["ap_ufixed<16, 0>", "ap_fixed<33, 2>"])
            case 8:
                accumulator = "ap_fixed<64, 20>"
        return (
            f"typedef {accumulator} accum_t; typedef {self.type(modes=True)} bias_t; typedef {weight} weight_t; "
            f"template<class x_T, class y_T> using product = nnet::product::{product}<x_T, y_T>;"
        ), fast

    def multiplier(self, n_in: int, n_out: int) -> tuple[str, int]:
        """A kind of dense layer, and a reuse factor that it takes."""
        kind = self.random.choice(["latency", "rf_leq_nin", "rf_gt_nin_rem0", "rf_gt_nin"])
        larger = [n for n in range(n_in + 1, n_in * n_out) if n % n_in]
        factors = {"rf_leq_nin": divisors(n_in), "rf_gt_nin_rem0": [n_in * n for n in range(2, n_out + 1)],
                   "rf_gt_nin": larger}.get(kind, [])  # fmt: skip
        return (kind, self.random.choice(factors)) if factors else ("latency", 1)

    def dense(self) -> None:
        c, n_in, n_out = f"config{self.count}", self.random.randint(2, 12), self.random.randint(2, 9)
        x, r = self.type(), self.type(modes=True)
        (types, fast), (kind, reuse) = self.sums(), self.multiplier(n_in, n_out)
        self.config(c, "dense_config", types, {"n_in": n_in, "n_out": n_out, "reuse_factor": reuse})
        name = "dense_latency"
        if kind != "latency":
            name = self.random.choice([f"dense_resource_{kind}", "dense_resource"])
        call = (f"array<{x}, {r}, {c}::weight_t, {c}::bias_t>(NAME, {n_in}, {n_out}, {n_in * n_out}, {n_out}, "
                f"[](auto... a) {{ nnet::{name}<{x}, {r}, {c}>(a...); }});")  # fmt: skip
        self.add(fast, f"kernels::sums<{x}, {c}>::exact", call)

    def window(self, *, pads: bool, lowest: int = 1) -> dict[str, int]:
        """The sizes of an image and of a window that slides over it."""
        sizes = {f"pad_{side}": self.random.randint(0, 1) if pads else 0 for side in SIDES}
        sizes["n_chan"] = self.random.randint(1, 3)
        for name, window in (("height", self.random.randint(lowest, 3)), ("width", self.random.randint(1, 3))):
            sizes[f"filt_{name}"], sizes[f"stride_{name}"] = window, self.random.randint(1, 3)
            sizes[f"in_{name}"] = self.random.randint(window, 6)
        return sizes | outputs(sizes)

    def conv_config(
        self, dimensions: int, sizes: dict[str, int], n_filt: int, reuse: int, kernel: str, text: str = ""
    ) -> bool:
        """The configuration of a convolution and of its dense layer; returns whether it is computed the fast way."""
        c, places = f"config{self.count}", sizes["filt_height"] * sizes["filt_width"]
        types, fast = self.sums()
        self.config(
            f"{c}_mult",
            "dense_config",
            f"template<class d, class r, class c> using kernel = nnet::{kernel}<d, r, c>; {types}",
            {"n_in": places * sizes["n_chan"], "n_out": n_filt, "reuse_factor": reuse, "multiplier_limit": 1},
        )
        text = f"{types} typedef {c}_mult mult_config; {text} {LINE_BUFFER}"
        text += f"static const unsigned strategy = nnet::{'latency' if 'Latency' in kernel else 'resource'};"
        numbers = {"n_filt": n_filt, "kernel_size": places, "reuse_factor": reuse}
        self.config(c, f"conv{dimensions}d_config", text, sizes | numbers)
        return fast

    def stream_conv(self) -> None:
        c, kind = (
            f"config{self.count}",
            self.random.choice(["conv_1d", "conv_2d", "pointwise_conv_2d", "depthwise_conv_2d"]),
        )
        # a depthwise convolution's line buffer must have lines
        sizes, x, r = (
            self.window(pads=False, lowest=2 if kind == "depthwise_conv_2d" else 1),
            self.type(),
            self.type(modes=True),
        )
        if kind == "conv_1d":
            sizes |= {"in_height": 1, "filt_height": 1}
        if kind == "pointwise_conv_2d":
            sizes |= {"filt_height": 1, "filt_width": 1}
        n_filt = sizes["n_chan"] if kind == "depthwise_conv_2d" else self.random.randint(2, 4)
        n_in = sizes["filt_height"] * sizes["filt_width"] * sizes["n_chan"]
        if kind == "depthwise_conv_2d":
            resource, reuse = self.random.random() < 0.5, self.random.choice(divisors(n_filt))
            kernel = "DepthwiseDenseResource_rf_leq_nout" if resource else "DepthwiseDenseLatency"
        else:
            which, reuse = self.multiplier(n_in, n_filt)
            if which == "rf_gt_nin":  # has no class
                which, reuse = "latency", 1
            kernel = "DenseLatency" if which == "latency" else f"DenseResource_{which}"
        fast = self.conv_config(1 if kind == "conv_1d" else 2, sizes, n_filt, reuse, kernel)
        types = f"nnet::array<{x}, {sizes['n_chan']}>, nnet::array<{r}, {n_filt}>"
        weights = n_in if kind == "depthwise_conv_2d" else n_in * n_filt
        call = (
            f"stream<{types}, {c}::weight_t, {c}::bias_t>(NAME, {sizes['in_height'] * sizes['in_width']}, "
            f"{weights}, {n_filt}, [](auto &&...a) {{ nnet::{kind}_cl<{types}, {c}>(a...); }});"
        )
        self.add(
            fast,
            f"kernels::stream_conv<{types}, kernels::{'one_row' if kind == 'conv_1d' else 'as_is'}<{c}>>::exact",
            call,
        )

    def array_conv(self) -> None:
        c, dimensions = f"config{self.count}", self.random.choice([1, 2])
        sizes, x, r = self.window(pads=True), self.type(), self.type(modes=True)
        if dimensions == 1:
            sizes |= {"filt_height": 1, "in_height": 1, "stride_height": 1, "pad_top": 0, "pad_bottom": 0}
            sizes |= outputs(sizes)
        n_filt, n_in = self.random.randint(2, 4), sizes["filt_height"] * sizes["filt_width"] * sizes["n_chan"]
        windows = sizes["out_height"] * sizes["out_width"]
        sizes["n_pixels"] = self.random.choice(divisors(windows))
        sizes["n_partitions"] = windows // sizes["n_pixels"]
        strategy = self.random.choice(["latency", "resource"])
        reuse = self.random.choice(divisors(n_in)) if strategy == "resource" else 1
        text = (f"template<class data_T, class CONFIG_T> using fill_buffer = "
                f"nnet::fill_buffer_{self.count}<data_T, CONFIG_T>;")  # fmt: skip
        self.code.append(self.written_out(dimensions, sizes))
        fast = self.conv_config(dimensions, sizes, n_filt, reuse, "DenseLatency", text)
        inputs = sizes["in_height"] * sizes["in_width"] * sizes["n_chan"]
        call = (
            f"array<{x}, {r}, {c}::weight_t, {c}::bias_t>(NAME, {inputs}, {windows * n_filt}, {n_in * n_filt}, "
            f"{n_filt}, [](auto... a) {{ nnet::conv_{dimensions}d_{strategy}_cl<{x}, {r}, {c}>(a...); }});"
        )
        self.add(fast, f"kernels::array_conv_of<{x}, {c}>::exact", call)

    def written_out(self, dimensions: int, sizes: dict[str, int]) -> str:
        """A convolution's windows as hls4ml writes them."""
        backend = get_backend("Vitis")
        number, parts, channels = self.count, sizes["n_partitions"], sizes["n_chan"]
        if dimensions == 1:
            return backend.generate_conv1d_line_buffer_fn(
                number, parts, sizes["in_width"], channels, sizes["filt_width"], sizes["stride_width"],
                (sizes["pad_left"], sizes["pad_right"]))  # fmt: skip
        return backend.generate_conv2d_line_buffer_fn(
            number, parts, sizes["in_height"], sizes["in_width"], channels,
            (sizes["filt_height"], sizes["filt_width"]), (sizes["stride_height"], sizes["stride_width"]),
            tuple(sizes[f"pad_{side}"] for side in SIDES))  # fmt: skip

    def pool(self) -> None:
        c, stream = f"config{self.count}", self.random.random() < 0.5
        sizes = self.window(pads=not stream and self.count % 3 == 0)
        x, r = self.type(modes=True), self.type(modes=True)
        if stream:
            sizes |= {"stride_height": sizes["filt_height"], "stride_width": sizes["filt_width"]}
            sizes |= outputs(sizes)
        # of a window that lies in the padding, hls4ml's average divides by zero
        average = self.random.random() < 0.3 and min(sizes["filt_height"], sizes["filt_width"]) > 1
        channels = sizes["n_chan"]
        sizes |= {"n_filt": channels, "pool_height": sizes["filt_height"], "pool_width": sizes["filt_width"]}
        text = (
            f"typedef ap_fixed<{self.random.randint(8, 30)}, {self.random.randint(2, 12)}> accum_t; "
            f"static const nnet::Pool_Op pool_op = nnet::{'Average' if average else 'Max'}; "
            "static const nnet::conv_implementation implementation = nnet::conv_implementation::linebuffer;"
        )
        self.config(c, "pooling2d_config", text, sizes)
        fast = not average and not any(sizes[f"pad_{side}"] for side in SIDES)
        pixels, windows = sizes["in_height"] * sizes["in_width"], sizes["out_height"] * sizes["out_width"]
        name, trait = f"pooling2d_cl<TYPES, {c}>", f"_pool<TYPES, {c}>::exact"
        if stream:
            self.plain("stream", name, x, r, (channels, pixels), fast, f"stream{trait}")
        else:
            self.plain("array", name, x, r, (pixels * channels, windows * channels), fast, f"array{trait}")

    def activation(self) -> None:
        c, function = f"config{self.count}", self.random.choice(["relu", "linear"])
        x, r = self.type(30, modes=True), self.type(modes=True)
        size, packs = self.random.randint(1, 5), self.random.randint(1, 4)
        self.config(c, "activ_config", "", {"n_in": size * packs})
        name, trait = f"{function}<TYPES, {c}>", f"kept<{x}>::known && kernels::kept<{r}>::known"
        kind, counts = self.random.choice([("array", (size * packs, size * packs)), ("stream", (size, packs))])
        self.plain(kind, name, x, r, counts, True, trait)

    def plain(self, kind: str, name: str, x: str, r: str, counts: tuple[int, int], fast: bool, trait: str) -> None:
        """A layer without weights; `counts`: of an array's inputs and outputs, or of a pack's values and the packs."""
        if kind == "stream":
            x, r = f"nnet::array<{x}, {counts[0]}>", f"nnet::array<{r}, {counts[0]}>"
        given = counts[1] if kind == "stream" else f"{counts[0]}, {counts[1]}"
        function, trait = (text.replace("TYPES", f"{x}, {r}") for text in (name, trait))
        call = (f"{kind}<{x}, {r}, ap_int<2>, ap_int<2>>(NAME, {given}, 1, 1, "
                f"[](auto &&from, auto &&to, auto, auto) {{ nnet::{function}(from, to); }});")  # fmt: skip
        self.add(fast, f"kernels::{trait}", call)

    def write(self, folder: Path) -> Path:
        """Write the program, and the files of the project in `folder` that it includes."""
        text = "".join(f'#include "nnet_utils/nnet_{name}.h"\n' for name in HEADERS)
        (folder / "parameters.h").write_text(text + "".join(self.parameters), encoding="utf-8")
        path = folder / "nnet_utils" / "nnet_code_gen.h"
        marker = "// hls4ml insert code\n"
        path.write_text(path.read_text().replace(marker, marker + "".join(self.code)), encoding="utf-8")
        program = folder / "program.cpp"
        program.write_text('#include "check.h"\nint main() {\n' + "".join(self.calls) + "}\n", encoding="utf-8")
        return program
