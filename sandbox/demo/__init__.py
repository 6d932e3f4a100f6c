"""`holdfast demo`: real orders through the REST API of an ephemeral stack, then the books against the provider."""
