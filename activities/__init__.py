"""The only code that causes effects; one class per collaborator."""
