"""
What stands in the address: every choice, so that a link shows another person the same page.

Streamlit drops a parameter that fits no option without a word; here the page says what it could not apply, above its
choices. A device that was chosen on one page is the one that the next page opens on.
"""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

_OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "device": ("devices", "on"), "on": ("device", "devices"), "model": ("models",), "engine": ("engines",),
    "shape": ("workload",), "arm": ("arms",),
}  # fmt: skip
"""What a link may call a choice that has another name here: pages of one device say ``on``, others ``device``."""

_OF_SOME_STATE = frozenset({
    "launch", "run", "text", "suite", "state", "page", "how", "a", "b", "from", "to", "row", "all", "shape", "shown",
    "cell", "metric", "baseline",
})  # fmt: skip
"""Names that a page knows only while it shows one thing and not another; no word is said where they have no effect."""

_ASKED, _NOTICES, _DEVICE = "_asked", "_notices", "_device"


def begin() -> None:
    """Before each drawing: a place above the page for what a link asks for in vain."""
    st.session_state[_ASKED] = set()
    st.session_state[_NOTICES] = st.container()


def end() -> None:
    """After a page asked for all its choices: what the address holds that this page has no choice for."""
    asked = st.session_state.get(_ASKED, set())
    unknown = [key for key in st.query_params if key not in asked and key not in _OF_SOME_STATE]
    if unknown:
        known = f"its choices are {', '.join(sorted(asked))}" if asked else "it has no choices"
        notice(f"The link holds {', '.join(unknown)}, which this page does not know and leaves aside: {known}.")


def notice(text: str) -> None:
    """A sentence above the page's choices."""
    place = st.session_state.get(_NOTICES)
    (st if place is None else place).info(escaped(text))


def asked(key: str) -> list[str]:
    """What the address holds under a name or another one for it, for a page that has no such choice of its own."""
    st.session_state.get(_ASKED, set()).update((key, *_OTHER_NAMES.get(key, ())))
    return [value for name in (key, *_OTHER_NAMES.get(key, ())) for value in st.query_params.get_all(name) if value]


def kept() -> list[str]:
    """The devices that were chosen last, on whatever page; none when none was."""
    return list(st.session_state.get(_DEVICE, ()))


def _seed(label: str, options: Sequence[str], key: str, *, is_several: bool) -> None:
    """Put what the address says under another name, or the device of the page before, where the choice reads it."""
    st.session_state.get(_ASKED, set()).update((key, *_OTHER_NAMES.get(key, ())))
    if key in st.session_state or key in st.query_params:
        return
    for name in _OTHER_NAMES.get(key, ()):
        values = [value for value in st.query_params.get_all(name) if value]
        if not values:
            continue
        fitting = [value for value in values if value in options]
        for value in values:
            if value not in options:
                _stale(label, value, "all" if is_several else options[0])
        if fitting:
            del st.query_params[name]
            _put(key, fitting if is_several else fitting[0])
        return
    carried = [value for value in kept() if value in options] if key in {"device", "on"} else []
    if carried:
        _put(key, carried if is_several else carried[0])


def _put(key: str, value: str | list[str]) -> None:
    """Streamlit writes no value that the script chose into the address, and reads none that the script wrote there."""
    st.session_state[key] = value
    st.query_params[key] = value


def choose(
    label: str,
    options: Sequence[str],
    key: str,
    *,
    default: str | None = None,
    shown: Callable[[str], str] = str,
    width: int | None = None,
) -> str:
    """
    One of several, kept in the address under ``key``.

    Args:
        options: at least one; the first stands when ``default`` is none of them.
        shown: what a person reads for an option; the address has the option itself.
    """
    wanted = st.query_params.get(key)
    index = options.index(default) if default in options else 0
    is_there = wanted in options or wanted in [shown(option) for option in options]
    if wanted is not None and not is_there and key not in st.session_state:
        _stale(label, wanted, shown(options[index]))
    if shown is str:
        _seed(label, options, key, is_several=False)
    else:
        st.session_state.get(_ASKED, set()).add(key)
        return _choose_by_name(label, options, key, usual=options[index], shown=shown, width=width)
    found = st.selectbox(label, options, index=index, key=key, bind="query-params", width=width or "stretch")
    if key == "on" and found is not None and (found != options[index] or kept()):
        st.session_state[_DEVICE] = (found,)
    return options[index] if found is None else found


def _choose_by_name(
    label: str, options: Sequence[str], key: str, *, usual: str, shown: Callable[[str], str], width: int | None
) -> str:
    """Streamlit would write the shown names into the address, which change with what is measured: here it is done."""
    if st.session_state.get(key) not in options:
        wanted = None if key in st.session_state else st.query_params.get(key)
        words = [wanted, *(kept() if key == "device" else ())]
        by_name = {word: option for option in reversed(options) for word in (shown(option), option)}
        st.session_state[key] = next((by_name[word] for word in words if word in by_name), usual)
    found = st.selectbox(label, options, key=key, format_func=shown, width=width or "stretch")
    if found != usual:
        st.query_params[key] = found
    elif key in st.query_params:
        del st.query_params[key]
    return found


def choose_several(
    label: str,
    options: Sequence[str],
    key: str,
    *,
    shown: Callable[[str], str] = str,
    usual: Sequence[str] | None = None,
    usual_word: str = "all",
) -> list[str]:
    """Some of several, kept in the address; none chosen means all, or what is ``usual``, by a word for it."""
    asked_for = [wanted for wanted in st.query_params.get_all(key) if wanted]
    for wanted in asked_for:
        if wanted not in options:
            _stale(label, wanted, "the others" if any(one in options for one in asked_for) else usual_word)
    _seed(label, options, key, is_several=True)
    found = st.multiselect(label, options, key=key, bind="query-params", format_func=shown, placeholder=usual_word)
    if key == "device":
        st.session_state[_DEVICE] = tuple(found)
    return list(found) or list(options if usual is None else usual)


def is_on(label: str, key: str, *, default: bool = False) -> bool:
    """A switch, kept in the address."""
    st.session_state.get(_ASKED, set()).add(key)
    return bool(st.toggle(label, value=default, key=key, bind="query-params"))


def _stale(label: str, wanted: str, instead: str) -> None:
    notice(f"The link asks for {wanted} ({label}), which is not there: showing {instead}.")


_MARKED = "\\`*_{}[]()<>#+-.!|:$~&/@"


def escaped(text: str) -> str:
    """Text as it is inside Markdown: names come from files and imports and must not become links or images."""
    return "".join(f"\\{char}" if char in _MARKED else char for char in text)
