"""Keys on this machine: made, read, compared, and kept in files. Private keys never leave this room but into a file."""
