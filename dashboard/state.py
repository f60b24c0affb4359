"""
What stands in the address: every choice, so that a link shows another person the same page.

Streamlit drops a parameter that fits no option without a word; here the page says what it could not apply.
"""

from collections.abc import Callable, Sequence

import streamlit as st


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
    if wanted is not None and wanted not in options and key not in st.session_state:
        _stale(label, wanted)
    index = options.index(default) if default in options else 0
    if shown is not str:
        return _choose_by_name(label, options, key, usual=options[index], shown=shown, width=width)
    found = st.selectbox(label, options, index=index, key=key, bind="query-params", width=width or "stretch")
    return options[index] if found is None else found


def _choose_by_name(
    label: str, options: Sequence[str], key: str, *, usual: str, shown: Callable[[str], str], width: int | None
) -> str:
    """Streamlit would write the shown names into the address, which change with what is measured: here it is done."""
    if st.session_state.get(key) not in options:
        wanted = None if key in st.session_state else st.query_params.get(key)
        st.session_state[key] = wanted if wanted in options else usual
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
    for wanted in st.query_params.get_all(key):
        if wanted and wanted not in options:
            _stale(label, wanted)
    found = st.multiselect(label, options, key=key, bind="query-params", format_func=shown, placeholder=usual_word)
    return list(found) or list(options if usual is None else usual)


def is_on(label: str, key: str, *, default: bool = False) -> bool:
    """A switch, kept in the address."""
    return bool(st.toggle(label, value=default, key=key, bind="query-params"))


def _stale(label: str, wanted: str) -> None:
    st.info(f"The link asks for {label} {escaped(wanted)}, which is not there: showing another.")


_MARKED = "\\`*_{}[]()<>#+-.!|:$~&/@"


def escaped(text: str) -> str:
    """Text as it is inside Markdown: names come from files and imports and must not become links or images."""
    return "".join(f"\\{char}" if char in _MARKED else char for char in text)
