"""The router: one flat list of pages."""

import streamlit as st

from dashboard import parts, views

st.set_page_config(page_title="phibench", layout="wide", initial_sidebar_state="auto")
st.html(
    "<style>[data-testid=stMainBlockContainer]{max-width:1180px;padding-top:2rem}"
    "@media (max-width:768px){[data-testid=stMainBlockContainer]{padding-top:4.5rem}}</style>"
)
page = st.navigation(
    [st.Page(f"views/{page.file}.py", title=page.title, default=page.is_default) for page in views.PAGES]
)
with st.sidebar:
    parts.picture_choice()
page.run()
