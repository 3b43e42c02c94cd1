"""A model as one file for other runtimes: `export(model, "model.onnx")`."""

from .exporting import Report, export
from .verify import ExportError

__all__ = ["ExportError", "Report", "export"]
