"""What is checked of each section with the others, the data, the board and the network; `spec.check` asks for all."""
