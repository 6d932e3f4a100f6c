"""Ratios, measured in interleaved slices of one run: absolute times say more about the machine than about Holdfast."""
