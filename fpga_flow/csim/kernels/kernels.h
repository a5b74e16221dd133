// hls4ml's functions, computed faster with the same results. This header is to be included before the project's own; their
// include guards then keep the project's functions of these names out. Each kernel includes hls4ml's header with its
// function renamed to stock_..., and falls back on it where the fast way is not proved to give the same.
//
// It stands for headers that are byte for byte those it was written for: fpga_flow.csim.kernels compares them.
#ifndef FPGA_FLOW_KERNELS_H
#define FPGA_FLOW_KERNELS_H
#include "activation.h"
#include "conv.h"
#include "dense.h"
#include "helpers.h"
#include "im2col.h"
#include "pooling.h"
// Others that most projects include, so that they stand in a precompiled header of this one.
#include "nnet_utils/nnet_batchnorm.h"
#include "nnet_utils/nnet_batchnorm_stream.h"
#include "nnet_utils/nnet_conv1d.h"
#include "nnet_utils/nnet_conv1d_stream.h"
#include "nnet_utils/nnet_dense_compressed.h"
#include "nnet_utils/nnet_dense_stream.h"
#include "nnet_utils/nnet_merge.h"
#include "nnet_utils/nnet_merge_stream.h"
#include "nnet_utils/nnet_padding.h"
#include "nnet_utils/nnet_padding_stream.h"
#include "nnet_utils/nnet_stream.h"
#endif
