"""Deterministic orchestration that reads like the business."""
