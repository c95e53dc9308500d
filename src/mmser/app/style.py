"""How the page looks: one style sheet, no font or picture from elsewhere."""

THEME = {  # options of Streamlit
    "theme.base": "light",
    "theme.primaryColor": "#2b6cb0",
    "theme.textColor": "#1f2933",
    "theme.backgroundColor": "#ffffff",
    "theme.secondaryBackgroundColor": "#f5f7fa",
    "theme.borderColor": "#dbe1e8",
}

CSS = """<style>
[data-testid="stMainBlockContainer"] {max-width: 64rem; padding: 2.5rem 1.5rem 3rem}
[data-testid="stHeader"] {display: none}
[data-testid="stHtml"] {overflow-wrap: anywhere}
.mm {color: #1f2933; font-size: 1rem; line-height: 1.5}
.mm p {margin: 0}
.mm-title {font-size: 1.9rem; font-weight: 650; letter-spacing: -.015em; line-height: 1.2; margin: 0}
.mm-faint {color: #5b6875}
.mm-over {color: #5b6875; font-size: .8rem; letter-spacing: .01em; margin: 0 0 .35rem}
.mm-head {display: flex; align-items: baseline; flex-wrap: wrap; gap: 0 .8rem; margin: 0 0 .9rem}
.mm-label {font-size: 2.6rem; font-weight: 650; letter-spacing: -.02em; line-height: 1.15}
.mm-sure {font-size: 1.25rem; color: #5b6875}
.mm-bars {list-style: none; margin: 0 !important; padding: 0 !important}
.mm-bars li {display: grid; grid-template-columns: 6.2rem 1fr 3.2rem; gap: .7rem; align-items: center;
  margin: 0; padding: .16rem 0; color: #5b6875}
.mm-bars li.best {color: #1f2933; font-weight: 600}
.mm-track {position: relative; height: .7rem; border-radius: .35rem; background: #eef1f4}
.mm-bar {position: absolute; left: 0; top: 0; bottom: 0; min-width: 2px; border-radius: .35rem}
.mm-mark {position: absolute; top: -.25rem; bottom: -.25rem; width: 1px; background: #5b6875}
.mm-value {text-align: right; font-variant-numeric: tabular-nums}
.mm-block {margin-top: 1.4rem}
.mm-quote {font-size: 1.1rem; font-style: italic}
.mm-notes {list-style: none; margin: 1.2rem 0 0 !important; padding: 0 !important}
.mm-notes li {margin: .4rem 0 0; padding: .45rem .8rem; border-left: 3px solid #d69e2e; background: #fdf8ec;
  font-size: .92rem}
.mm img {display: block; width: 100%; height: auto}
.mm-narrow {display: none !important}
.mm-facts {display: grid; grid-template-columns: 9rem 1fr; gap: .5rem 1.2rem; margin: 0; font-size: .95rem}
.mm-facts dt {color: #5b6875}
.mm-facts dd {margin: 0}
.mm-segments {width: 100%; border-collapse: collapse; font-size: .95rem}
.mm-segments td {border: 0; border-top: 1px solid #e8ecf0; padding: .4rem .8rem .4rem 0; vertical-align: top}
.mm-segments td:first-child {white-space: nowrap; color: #5b6875; font-variant-numeric: tabular-nums}
.mm-dot {display: inline-block; width: .65rem; height: .65rem; border-radius: 50%; margin-right: .45rem}
.mm-foot {border-top: 1px solid #e8ecf0; margin-top: 1rem; padding-top: 1rem; font-size: .88rem}
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] {padding: 1.5rem 1rem 2rem}
  .mm-title {font-size: 1.55rem}
  .mm-label {font-size: 2.2rem}
  .mm-wide {display: none !important}
  .mm-narrow {display: block !important}
  .mm-facts {grid-template-columns: 1fr; gap: 0}
  .mm-facts dd {margin-bottom: .6rem}
}
</style>"""
