"""What encoder and decoder of a weight agree on: the flags in its first bytes, and limits."""

from __future__ import annotations

#: In the first byte, beside 2 bits each for the kind of values and their coder: sparse; its first axis runs fastest;
#: zeros are promised; equal values are promised to stay equal.
SPARSE, TRANSPOSED, ZEROS, EQUALS = 16, 32, 64, 128
#: In the second byte, beside 4 bits for the number of axes: shared by a rule.
RULE = 16
MAX_AXES = 8
#: The most symbols of indices for a byte of a weight. With this a small file can't ask for a lot of memory.
SYMBOLS_PER_BYTE = 64
