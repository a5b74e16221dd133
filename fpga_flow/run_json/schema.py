"""What run.json holds: each key, its type, and what it means. `fpga-flow schema run` prints it as a JSON schema.

Keys stay; new ones may come. All tests that run the flow hold what it writes against this.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    """A part of run.json; other keys than its own are a mistake."""

    model_config = ConfigDict(extra="forbid", strict=True)


class UsedPlugin(_Part):
    """A plugin that the run used: its package with the version, its entry point, and a digest of its code."""

    package: str
    entry_point: str
    code: str


class Data(_Part):
    """The data set: numbers of samples, their shape, the classes, and the scaling that a host must apply to its inputs:
    scaled = (raw - offset) * factor.
    """

    name: str
    train: int
    validation: int
    test: int
    input_shape: list[int]
    classes: list[str]
    scaling: dict[str, Any]


class Accuracy(_Part):
    """The share of test samples that are classified rightly; null where it is not known."""

    accuracy: float | None


class Metrics(_Part):
    """Accuracies of the float network, of the compressed one, and of its C++ on the samples that were simulated."""

    float_: Accuracy = Field(alias="float")
    final: Accuracy
    csim: Accuracy


class Csim(_Part):
    """The C simulation. `exact`: all outputs of all samples are those of the network; `tolerance` is how far they may
    be off where it is above 0; `headers` says with which headers it was compiled; `first` tells the first mismatch.
    """

    samples: int
    mismatches: int
    max_abs_diff: float | None
    exact: bool
    tolerance: float
    headers: str | None
    build_seconds: float
    run_seconds: float
    first: str | None


class Encoded(_Part):
    """What model.fpz consists of: bytes of each part of the file, of what entropy coding needs at least, and per
    weight.
    """

    parts: dict[str, int]
    weights: int
    nonzero: int
    bytes_entropy: float
    ratio_to_entropy: float | None
    layers: list[dict[str, Any]]


class Size(_Part):
    """Weights and biases with those that are not zero, multiplications, and bytes: as float32, with each weight in the
    bits of its type, in model.fpz. `ratio` is of float32 to model.fpz; `bytes_original` and `ratio_original` are those
    of the network that was trained first.
    """

    parameters: int
    nonzero: int
    sparsity: float
    macs: int
    bytes_float32: int
    bytes_quantized: int
    ratio_quantized: float
    bytes_encoded: int
    bits_per_weight: float | None
    ratio: float | None
    bytes_original: int
    ratio_original: float | None
    encoded: Encoded


class LayerResources(_Part):
    """What one layer, or another part of the design, needs, see `Resources`."""

    name: str
    kind: str
    multipliers: int | None
    lut: int
    ff: int
    dsp: int
    bram18: int
    uram: int | None
    latency_cycles: int | None
    ii: int | None
    intervals: dict[str, list[int]] | None
    calibrated: bool | None


class Lack(_Part):
    """A resource of which the board has less than the network needs."""

    resource: str
    needed: int
    usable: int


class Resources(_Part):
    """What the design needs of the FPGA, by one source: `estimate`, `open-synthesis`, `csynth`, `post-synthesis` or
    `post-route`. An estimate says of which `stage` it is one, and how sure it is: `intervals`. `fits` and `lacks`
    compare it with what a network may use of the board, `usable`; null where they can't be compared.
    """

    source: str
    tool: str
    part: str
    board: str
    lut: int
    ff: int
    dsp: int
    bram18: int
    uram: int | None
    latency_cycles: int | None
    ii: int | None
    clock_ns: float | None
    fits: bool | None
    layers: list[LayerResources]
    stage: str | None
    intervals: dict[str, list[int]] | None
    calibrated: bool | None
    lacks: list[Lack]
    usable: dict[str, int] | None


class Bytes(_Part):
    """Bytes of model.fpz, and of the same with codes of fixed length only."""

    encoded: int
    fixed_length: int


class Pass(_Part):
    """A compression pass: its options, the accuracies before and after it, the bytes of the network behind it, and what
    else it tells under keys of its own.
    """

    model_config = ConfigDict(extra="allow", strict=True)

    name: str
    options: dict[str, Any]
    accuracy_before: float
    accuracy_after: float
    seconds: float
    bytes: Bytes


class Stage(_Part):
    """A stage of the run: the digest of all that its outcome depends on, and whether it was read back."""

    name: str
    digest: str
    seconds: float
    cached: bool


class Layer(_Part):
    """A layer of the HLS code with its types; null where it has no such thing."""

    name: str
    kind: str
    shape: list[int]
    input_type: str
    weight_type: str | None
    bias_type: str | None
    accum_type: str | None
    result_type: str
    strategy: str | None
    reuse_factor: int | None
    parameters: int
    nonzero: int
    macs: int


class RunRecord(_Part):
    """One run. `digest` names its folder; `spec` is the spec with all defaults; `notes` are what its user should know;
    `started` is a time in UTC (ISO 8601); accuracies are on the test samples; `fit` is what strategy `fit` chose.
    """

    name: str
    digest: str
    seed: int
    spec: dict[str, Any]
    versions: dict[str, str]
    plugins: list[UsedPlugin]
    notes: list[str]
    started: str
    seconds: float
    data: Data
    metrics: Metrics
    backend: str
    fit: dict[str, Any] | None
    csim: Csim
    size: Size
    resources: list[Resources]
    passes: list[Pass]
    stages: list[Stage]
    layers: list[Layer]


def run_schema() -> dict[str, Any]:
    """The JSON schema of run.json."""
    return RunRecord.model_json_schema()
