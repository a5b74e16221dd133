"""From a quantized network to its HLS C++ project, and what the project must compute.

Where to look, in the order in which a conversion uses them:

support.py      the matrix of layers that become exact HLS code
preflight.py    what does not is refused here
lower/          a network as plain layers with all their types
layer.py        one of these
intervals.py    what numbers they can hold
linear.py       the layers as real functions, and their slopes
backends.py     the backends of hls4ml
settings.py     the spec's section `hls` with the board's values
strategy.py     how a layer with weights becomes hardware
fit.py          the strategies with which a network fits its board
plain.py        the Keras model that hls4ml gets
written.py      convolutions with groups or dilation in C++
convert.py      hls4ml
project.py      `HlsProject`: the folder of C++
described.py    what it says of itself, read back and checked
layers/         HLS layers that hls4ml lacks
emulate/        the C++ in numpy, bit for bit
bilinear.py     what a deformable layer computes
reference.py    the numbers that the C simulation must give
"""
