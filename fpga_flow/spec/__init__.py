"""What a user writes: the YAML file, its sections, and the checks of them before anything is trained."""
