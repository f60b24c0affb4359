"""The router: one flat list of pages."""

import streamlit as st

from dashboard import parts, state, views

st.set_page_config(page_title="phibench", layout="wide", initial_sidebar_state="auto")
st.html(
    "<style>[data-testid=stMainBlockContainer]{max-width:1440px;padding:2rem 2.5rem}"
    "@media (max-width:768px){[data-testid=stMainBlockContainer]{padding:4.5rem 1rem 2rem}}</style>"
)
st.html(
    "<style>[data-testid=stMain] :is([data-testid=stPageLink-NavLink],[data-testid=stBaseButton-tertiary]) p"
    f"{{color:{parts.palette().link};text-decoration:underline}}</style>"
)
page = st.navigation(
    [st.Page(f"views/{page.file}.py", title=page.title, default=page.is_default) for page in views.PAGES]
)
with st.sidebar:
    st.markdown("**phibench**: what a language model in 4 bits costs on a device")
    parts.picture_choice()
state.begin()
parts.all_made_up()
page.run()
