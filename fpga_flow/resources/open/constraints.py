"""Where the ports of a design are: the pins of a board, as each nextpnr reads them."""

from __future__ import annotations

from fpga_flow.boards import Device, Ecp5, Ice40


def text(device: Device) -> str:
    """The constraints of a design with the ports clk, rx, tx and high_0, high_1, ... on the pins of a board.

    Levels are 3.3 V, which all serial lines here have.
    """
    pins = device.pins
    ports = {"clk": pins.clk, "rx": pins.rx, "tx": pins.tx}
    ports |= {f"high_{number}": pin for number, pin in enumerate(pins.high)}
    if isinstance(device, Ecp5):
        lines = [
            line for port, pin in ports.items()
            for line in (f'LOCATE COMP "{port}" SITE "{pin}";', f'IOBUF PORT "{port}" IO_TYPE=LVCMOS33;')
        ]  # fmt: skip
        lines.append(f'FREQUENCY PORT "clk" {device.oscillator_mhz} MHZ;')
    elif isinstance(device, Ice40):
        lines = [f"set_io {port} {pin}" for port, pin in ports.items()]
    else:
        lines = [
            line for port, pin in ports.items()
            for line in (f'IO_LOC "{port}" {pin};', f'IO_PORT "{port}" IO_TYPE=LVCMOS33;')
        ]  # fmt: skip
    return "\n".join(lines) + "\n"
