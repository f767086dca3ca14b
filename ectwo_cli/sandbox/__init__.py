"""The sandbox: a local EC2 with a seeded fleet, in a process of its own.

``control`` is what the rest of the program uses; everything else runs in the server's process. moto is imported in
``delegate`` and nowhere else.
"""
