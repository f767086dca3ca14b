"""``dataclass`` of the standard library, whose classes are made in two fifths of the time.

Every start makes some 35 of them. What takes the time is that each gets methods of its own, written and compiled for
it: here it is ``__init__`` alone. Comparing, hashing and showing is done by methods that all of them share, and that
``frozen`` ones do not change is what the type checker sees to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    import dataclasses
    from functools import cache, partial

    def dataclass(cls=None, /, *, frozen=False, eq=True, repr=True, kw_only=False, slots=False):
        """As in the standard library, of which this is what is needed here."""
        if cls is None:
            return partial(dataclass, frozen=frozen, eq=eq, repr=repr, kw_only=kw_only, slots=slots)
        own = vars(cls)
        made = dataclasses.dataclass(eq=False, repr=False, kw_only=kw_only, slots=slots)(cls)
        if repr and "__repr__" not in own:
            made.__repr__ = _repr
        if eq and "__eq__" not in own:
            made.__eq__ = _eq
            if "__hash__" not in own:
                made.__hash__ = _hash if frozen else None
        return made

    @cache
    def _compared(cls):
        return [each.name for each in dataclasses.fields(cls) if each.compare]

    def _eq(self, other):
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _compared(type(self)))

    def _hash(self):
        return hash(tuple([getattr(self, name) for name in _compared(type(self))]))

    def _repr(self):
        shown = [f"{each.name}={getattr(self, each.name)!r}" for each in dataclasses.fields(self) if each.repr]
        return f"{type(self).__qualname__}({', '.join(shown)})"
