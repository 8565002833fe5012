"""HTML and SVG from plain words: whatever is not markup already is escaped, so that no object can write into a page."""

from html import escape


class Markup(str):
    """Text that is markup: it was made here, or holds nothing but what was."""

    __slots__ = ()


EMPTY = {"br", "meta", "rect", "line", "path", "polyline", "polygon"}


def element(name: str, /, *inner: object, **attributes: object) -> Markup:
    """`<name attributes>inner</name>`. Words that Python keeps end with `_`; `_` within is `-`; None is left out."""
    listed = "".join(
        f' {_attribute(key)}="{escape(str(value))}"' for key, value in attributes.items() if value is not None
    )
    if name in EMPTY:
        return Markup(f"<{name}{listed}/>")
    return Markup(f"<{name}{listed}>{together(*inner)}</{name}>")


def together(*parts: object, between: str = "") -> Markup:
    """The parts one after the other; what is no markup is escaped, and None is nothing."""
    return Markup(between.join(_safe(part) for part in parts if part is not None))


def _safe(part: object) -> str:
    if isinstance(part, Markup):
        return part
    if isinstance(part, list | tuple):
        return together(*part)
    return escape(str(part))


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")
