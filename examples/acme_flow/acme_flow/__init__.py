"""What Acme adds to fpga_flow, see pyproject.toml."""
