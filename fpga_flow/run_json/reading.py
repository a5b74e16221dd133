"""Reading back what runs record in run.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from fpga_flow import sizes
from fpga_flow.errors import InputError, Place, Problem, dotted
from fpga_flow.spec import messages

#: More than any number has that a run records.
_MOST_DIGITS = 100

Record = TypeVar("Record", bound=BaseModel)


def read(path: Path, model: type[Record]) -> Record:
    """What a run records, as far as the model has keys for it, from its run.json or from its folder.

    Raises:
        InputError: the file can't be read, or is not what the model expects.
    """
    file = path / "run.json" if path.is_dir() else path
    try:
        data = json.loads(sizes.read_text(file), parse_int=_whole)
        return model.model_validate_json(json.dumps(data), strict=True)
    except OSError as error:
        message = f"expected the run.json or the folder of a finished run, but can't read it: {error.strerror}"
        raise InputError.at(str(file), message) from error
    except json.JSONDecodeError as error:
        message = f"expected JSON as a run records it: {error.msg}"
        raise InputError.at(str(file), message, line=error.lineno, column=error.colno) from error
    except ValidationError as error:
        raise InputError(
            Problem(Place(str(file)), dotted(each.path), each.message) for each in messages.mistakes(error, model)
        ) from error
    except (ValueError, RecursionError) as error:  # no text, or too many digits or brackets
        raise InputError.at(str(file), "expected JSON as a run records it, got something else") from error


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"expected at most {_MOST_DIGITS} digits, got {len(digits)}")
    return int(digits)
