"""Options that commands share, each declared once, in groups that know what to do with them."""
