"""What all benchmark scripts share."""
