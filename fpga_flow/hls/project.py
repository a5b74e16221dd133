"""`HlsProject`: the folder of C++ for one network, with what the rest of the flow must know of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import yaml
from numpy.typing import NDArray

from fpga_flow import sizes
from fpga_flow.errors import InputError, reason
from fpga_flow.fixed_point import FixedPoint
from fpga_flow.hls import convert, described
from fpga_flow.hls.backends import BACKENDS
from fpga_flow.hls.layer import HlsLayer
from fpga_flow.hls.settings import HlsSettings
from fpga_flow.saved import UNREADABLE

#: Samples in the project's own test bench. A vendor's co-simulation takes seconds to minutes for each.
TESTBENCH_SAMPLES = 100


@dataclass(frozen=True)
class HlsProject:
    """A generated project.

    folder      holds `firmware/`, the test bench, `tb_data/`, the build scripts and `project.json`
    layers      in the order of computation; the last one gives the output
    tolerance   how far the outputs may be from the network's: 0 is bit for bit
    """

    folder: Path
    settings: HlsSettings
    layers: tuple[HlsLayer, ...]
    tolerance: float = 0.0

    @property
    def top(self) -> str:
        """The top function of the hardware."""
        return BACKENDS[self.settings.backend].top.format(top=self.settings.project)

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        from fpga_flow.report import notebook

        return notebook.project(self)

    @classmethod
    def load(cls, folder: Path) -> HlsProject:
        """Read a project that `generate` wrote.

        Raises:
            InputError: there is no project in the folder, or it lacks files.
        """
        try:
            manifest = json.loads(sizes.read_text(folder / "project.json"))
            sizes.check_archive(folder / "weights.npz")
            with np.load(folder / "weights.npz", allow_pickle=False) as weights:
                layers = described.layers(manifest["layers"], weights)
            settings, tolerance = described.settings(manifest["settings"]), described.tolerance(manifest["tolerance"])
            return cls(folder, settings, layers, tolerance)
        except UNREADABLE as error:
            raise InputError.at(
                str(folder), f"expected an HLS project made by fpga_flow, got: {reason(error)}"
            ) from error


def generate(
    layers: Sequence[HlsLayer],
    settings: HlsSettings,
    samples: NDArray[np.floating],
    outputs: NDArray[np.floating],
    folder: Path,
    tolerance: float = 0.0,
) -> HlsProject:
    """Write the complete HLS project of lowered layers into `folder`, which must not exist.

    Args:
        layers: what `lower` returned for a network, with strategies and reuse factors.
        samples, outputs: real inputs (n, *input_shape) and what the network gives for them (n, outputs); the first
            `TESTBENCH_SAMPLES` become the test bench's data.
    """
    graph = convert.convert(layers, settings, folder)
    for name, text in _own_files(graph, layers, settings, samples, outputs, tolerance).items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    _make_portable(folder / "hls4ml_config.yml")
    np.savez_compressed(
        folder / "weights.npz",
        **{
            f"{layer.name}.{key}": value
            for layer in layers
            for key in described.ARRAYS
            if (value := getattr(layer, key)) is not None
        },
    )
    return HlsProject(folder, settings, tuple(layers), tolerance)


def _own_files(
    graph: Any,
    layers: Sequence[HlsLayer],
    settings: HlsSettings,
    samples: NDArray[np.floating],
    outputs: NDArray[np.floating],
    tolerance: float,
) -> dict[str, str]:
    """The files beyond hls4ml's (its test bench, which compares nothing, is replaced where the backend has a template):
    name -> text.
    """
    inputs = layers[0].input_type.quantize(samples[:TESTBENCH_SAMPLES])
    manifest = {
        "settings": asdict(settings),
        "tolerance": tolerance,
        "layers": [_layer_to_json(layer) for layer in layers],
    }
    template = BACKENDS[settings.backend].testbench
    bench = (
        {} if template is None else {f"{settings.project}_test.cpp": _testbench(graph, template, settings, tolerance)}
    )
    return {
        **bench,
        "tb_data/tb_input_features.dat": _lines(inputs),
        "tb_data/tb_output_predictions.dat": _lines(outputs[:TESTBENCH_SAMPLES]),
        "project.json": json.dumps(manifest, indent=1) + "\n",
    }


def _testbench(graph: Any, template: str, settings: HlsSettings, tolerance: float) -> str:
    """The project's test bench, with the backend's `template` for what is done with a sample."""
    variables = {"input": graph.get_input_variables()[0], "output": graph.get_output_variables()[0]}
    described = {
        key: {
            "name": variable.name,
            "type": variable.type.name,
            "size": int(np.prod(variable.shape)),
            "definition": variable.definition_cpp(),
        }
        for key, variable in variables.items()
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,  # noqa: S701  (the text is C++, not HTML)
    )
    return environment.get_template("testbench.cpp.j2").render(
        top=settings.project, sample=template, io_type=settings.io_type, tolerance=repr(tolerance), **described
    )


def _lines(values: NDArray[np.floating]) -> str:
    """One sample a line, in decimals that read back as the same doubles."""
    return "".join(
        " ".join(f"{value:.17g}" for value in sample.ravel()) + "\n" for sample in np.asarray(values, np.float64)
    )


def _make_portable(path: Path) -> None:
    """Leave nothing in hls4ml's configuration of where the project was made."""
    config = yaml.load(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    config["OutputDir"] = "."
    config.pop("KerasH5", None)
    path.write_text(yaml.safe_dump(config), encoding="utf-8")


def _layer_to_json(layer: HlsLayer) -> dict[str, Any]:
    values = {each.name: getattr(layer, each.name) for each in fields(layer) if each.name not in described.ARRAYS}
    return {key: str(value) if isinstance(value, FixedPoint) else value for key, value in values.items()}
