/** How the page of the API looks; light or dark as the system is. */
export const STYLE = `
:root { color-scheme: light dark; --ink: light-dark(#1b1f24, #e6e8eb); --soft: light-dark(#5b6470, #9aa4b0); --paper: light-dark(#ffffff, #14171b);
  --raised: light-dark(#f6f7f9, #1c2127); --line: light-dark(#dfe3e8, #2c333b); --link: light-dark(#0b5cad, #79b8ff);
  --get: light-dark(#0b6e4f, #4cc38a); --post: light-dark(#0b5cad, #79b8ff); --change: light-dark(#8a5a00, #e3b341); --remove: light-dark(#b3261e, #ff8a80); }
* { box-sizing: border-box }
body { margin: 0; font: 15px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; color: var(--ink); background: var(--paper) }
header { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: 12px 24px; align-items: center; padding: 12px 24px; background: var(--paper); border-bottom: 1px solid var(--line) }
header h1 { margin: 0; font-size: 18px }
header .version { color: var(--soft); font-weight: 400; font-size: 14px }
header a { color: var(--link) }
header label { margin-left: auto; color: var(--soft) }
input, textarea, select { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: 6px 9px }
textarea { width: 100%; min-height: 140px; resize: vertical }
code, pre, textarea, .path, .method, td:first-child { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 13px }
:focus-visible { outline: 2px solid var(--link); outline-offset: 1px }
.frame { display: grid; grid-template-columns: 250px minmax(0, 1fr); max-width: 1240px; margin: 0 auto }
nav { position: sticky; top: 57px; align-self: start; max-height: calc(100vh - 57px); overflow: auto; padding: 20px 12px 40px 24px }
nav h2 { margin: 18px 0 4px; font-size: 12px; letter-spacing: .06em; text-transform: uppercase; color: var(--soft) }
nav a { display: block; padding: 2px 0; color: var(--ink); text-decoration: none; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
nav a:hover { color: var(--link) }
main { padding: 20px 24px 80px; border-left: 1px solid var(--line); min-height: 100vh }
main > section > h2 { margin: 34px 0 2px; font-size: 20px; text-transform: capitalize }
main > section > p, .intro { margin: 0 0 12px; color: var(--soft); max-width: 75ch }
details.card { margin: 8px 0; border: 1px solid var(--line); border-radius: 8px; background: var(--raised); scroll-margin-top: 70px }
details.card > summary { display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: baseline; padding: 9px 14px; cursor: pointer; list-style: none }
details.card > summary::-webkit-details-marker { display: none }
details.card[open] > summary { border-bottom: 1px solid var(--line) }
.inside { padding: 12px 16px 16px }
.inside h3 { margin: 18px 0 6px; font-size: 13px; color: var(--soft) }
.method { font-weight: 700; min-width: 58px }
.get { color: var(--get) } .post { color: var(--post) } .patch, .put { color: var(--change) } .delete { color: var(--remove) }
.path { overflow-wrap: anywhere }
.what { color: var(--soft) }
table { width: 100%; border-collapse: collapse }
td { padding: 5px 12px 5px 0; border-top: 1px solid var(--line); vertical-align: top }
td .type { color: var(--soft) }
td input, td select { width: 100%; min-width: 120px }
.required::after { content: ' *'; color: var(--remove) }
pre { margin: 6px 0; padding: 10px 12px; max-height: 420px; overflow: auto; background: var(--paper); border: 1px solid var(--line); border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere }
button { font: inherit; font-weight: 600; padding: 6px 16px; border: 1px solid var(--link); border-radius: 6px; color: var(--paper); background: var(--link); cursor: pointer }
button.quiet { color: var(--link); background: none }
.row { display: flex; gap: 8px; align-items: center; margin-top: 10px }
.fault { color: var(--remove) }
@media (max-width: 800px) { .frame { grid-template-columns: minmax(0, 1fr) } nav { display: none } main { border: 0; padding: 12px } header label { margin: 0 } }
`
