"""Logging in to instances: as whom, with which key, by which way; and why it failed. ssh itself is OpenSSH's."""
