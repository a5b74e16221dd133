"""From a section `network` of a spec to its model, whichever family it names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from fpga_flow import runs
from fpga_flow.datasets.base import Dataset
from fpga_flow.errors import FieldError
from fpga_flow.keras import tf
from fpga_flow.networks import FAMILIES, custom, imported
from fpga_flow.spec.base import tagged_of

if TYPE_CHECKING:  # the real one is made of what the registry holds
    NetworkOptions: TypeAlias = Any
else:
    NetworkOptions = tagged_of(FAMILIES, "family")


def build(options: Any, dataset: Dataset, *, trust_code: bool = False) -> Any:
    """The Keras model that a section describes, for the data: untrained, unless it is imported.

    Args:
        trust_code: whether Python code that the section names may be run.

    Raises:
        FieldError: the section does not suit the data, names what is missing, damaged or not trusted, or a network that
            does not fit into memory.
    """
    if options.family == "custom" and not trust_code:
        raise FieldError(
            ("network", "function"),
            f"{options.function} is Python code, which would be run: pass --trust-code if you trust it",
        )
    trust = {"trust_code": trust_code} if options.family == "imported" else {}
    try:
        return FAMILIES[options.family].build(options, dataset.input_shape, len(dataset.classes), **trust)
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise FieldError(("network",), "expected a network that fits into memory, got a larger one") from error


def sources(options: Any) -> list[Any]:
    """Digests of the files, and what is of plugins, that the model is made from.

    Raises:
        FieldError: one is missing, damaged, or of another form.
    """
    from fpga_flow.hls.layers.plugin import LAYERS

    files: list[Path] = []
    of_plugins = FAMILIES.identities(options.family)
    if of_plugins or options.family in ("custom", "imported"):  # which of the layers they have, only their code tells
        of_plugins += LAYERS.identities(*LAYERS)
    if options.family == "custom":
        files = [custom.source(options)]
    if options.family == "imported":
        files = imported.sources(options)
    return [*(runs.file_digest(file) for file in files), *of_plugins]
