"""One file per outside system: the only importers of vendor SDKs."""
