"""Looking into a C simulation: layer by layer (`trace.py`), and with inputs that provoke overflows (`stress.py`)."""
