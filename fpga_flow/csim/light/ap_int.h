// The types of AMD's ap_int.h for C simulation on native integers; see light_types.h.
#ifndef FPGA_FLOW_LIGHT_AP_INT_H
#define FPGA_FLOW_LIGHT_AP_INT_H
#include "light_types.h"
#endif
