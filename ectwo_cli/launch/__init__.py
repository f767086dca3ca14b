"""Starting instances: image aliases, checks before anything is launched, the request."""
