"""wbexport: complete, incremental export and analytics of Weights & Biases data."""

__version__ = "0.1.0"

__all__ = ["__version__"]
