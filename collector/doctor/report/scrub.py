"""Taking out of a text who owns a machine and what it is called."""

import dataclasses
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NOBODY = frozenset({"root", "user", "admin", "runner", "ubuntu", "debian", "localhost", ""})
"""Names that tell nothing, and that a text may hold for another reason."""

_SHORTEST = 3
_HOMES = re.compile(r"(?<![\w/])/(?:Users|home)/[^/\s:'\"]+")
_CREDENTIALS = re.compile(r"(://[^:/@\s]*):[^@\s]*@")
_TOKENS = re.compile(r"\b(hf_|sk-|gsk_|ghp_)\w{8,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrubber:
    """What is not to be told, and by which words it is replaced."""

    home: str
    users: frozenset[str]
    hosts: frozenset[str]

    @classmethod
    def of_this_machine(cls) -> "Scrubber":
        """The person, the home folder and the name of the machine that this process runs as and on."""
        home = str(Path.home())
        users = {os.environ.get(name, "") for name in ("USER", "LOGNAME", "SUDO_USER")} | {Path(home).name}
        node = platform.node()
        return cls(home=home, users=_telling(users), hosts=_telling({node, node.partition(".")[0]}))

    def clean(self, value: Any) -> Any:
        """The same as plain JSON values, every text in it cleaned, keys included; unknown stays null."""
        if isinstance(value, str):
            return self._text(str(value))
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: self.clean(getattr(value, field.name)) for field in dataclasses.fields(value)}
        if isinstance(value, Mapping):
            return {self._text(str(key)): self.clean(item) for key, item in value.items()}
        return [self.clean(item) for item in value] if isinstance(value, list | tuple) else value

    def _text(self, text: str) -> str:
        if self.home not in {"/", ""}:
            text = re.sub(rf"{re.escape(self.home)}(?![\w-])", "~", text)
        text = _CREDENTIALS.sub(r"\1:***@", _TOKENS.sub(r"\1***", _HOMES.sub("~", text)))
        for names, word in ((self.hosts, "(host)"), (self.users, "(user)")):
            for name in sorted(names, key=len, reverse=True):
                text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", word, text)
        return text


def _telling(names: set[str]) -> frozenset[str]:
    return frozenset(name for name in names if len(name) >= _SHORTEST and name.lower() not in _NOBODY)
