"""Amazon EC2 in all regions at once."""

__version__ = "0.1.0"
