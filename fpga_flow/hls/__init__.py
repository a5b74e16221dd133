"""From a quantized network to its HLS C++ project, and what the project must compute."""
