"""The groups of verbs. A command decides nothing: it resolves the scope, calls a service, shows the result."""
