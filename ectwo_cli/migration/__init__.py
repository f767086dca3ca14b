"""Copies of images and snapshots to other regions: plan, carry out, watch, verify, undo.

The pure parts (:mod:`plan`, :mod:`machine`, :mod:`scheduler`, :mod:`finish`, :mod:`verify`) decide; :mod:`survey`
reads, :mod:`engine` acts.
"""
