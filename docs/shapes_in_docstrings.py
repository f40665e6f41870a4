"""How the website reads the library's docstrings.

The library says after an argument's colon what it holds, with shape and unit, and leaves the type to the signature.
NumPy's convention takes those words for the type; this extension puts them where they are read, before the description.
"""

import re
from typing import Any

import griffe

ARGUMENT = re.compile(r"^(\w+(?:, \w+)*) : (.+)$", re.MULTILINE)


class ShapesInDocstrings(griffe.Extension):
    """Moves the words after an argument's colon into its description; its type is the signature's."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        self._move(func)

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        self._move(cls)

    def _move(self, documented: griffe.Function | griffe.Class) -> None:
        if documented.docstring is None:
            return
        # As written: the parser takes "array-like" for a subtraction.
        lines = ARGUMENT.findall(documented.docstring.value)
        said = {name: words for names, words in lines for name in names.split(", ")}
        # What is parsed once is kept, and read again when the page is made.
        documented.docstring.parser = griffe.Parser.numpy
        documented.docstring.parser_options = {"warnings": False}
        for section in documented.docstring.parsed:
            if section.kind is not griffe.DocstringSectionKind.parameters:
                continue
            for argument in section.value:
                words = said.get(argument.name, "")
                argument.description = " ".join(part for part in (words, argument.description) if part)
                known = isinstance(documented, griffe.Function) and argument.name in documented.parameters
                argument.annotation = documented.parameters[argument.name].annotation if known else None
