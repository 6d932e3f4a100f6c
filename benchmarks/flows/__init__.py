"""What an order is measured beside, one workflow a file: its sandbox runs the whole file for every run."""
