"""Network families: one file each, and this dict of them. A family has `Options` and `build`."""

from fpga_flow.networks import cnn, custom, imported, mlp, mobilenet, resnet, shufflenet, squeezenet, vgg

FAMILIES = {
    "mlp": mlp,
    "cnn": cnn,
    "vgg": vgg,
    "resnet": resnet,
    "squeezenet": squeezenet,
    "mobilenet": mobilenet,
    "shufflenet": shufflenet,
    "custom": custom,
    "imported": imported,
}
