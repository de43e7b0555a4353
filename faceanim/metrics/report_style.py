"""How a report looks, on a wide screen and on a phone, where wide tables scroll."""

STYLE = """:root { --line: #e3e6ea; --soft: #5b6472 } * { box-sizing: border-box }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1180px; padding: 2em 1.5em 4em;
color: #1c2430 } h1 { margin: 0 0 .2em; font-size: 1.7em } h2 { margin: 2.2em 0 .4em; font-size: 1.2em }
p { margin: .4em 0 .8em } .soft, small { color: var(--soft) } code { background: #f2f4f7; padding: .1em .35em;
border-radius: 4px; font-size: .9em } .wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100% }
th, td { padding: .32em .7em; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
th { color: var(--soft); font-weight: 600; font-size: .88em } td.n, th.n { text-align: right; white-space: nowrap }
td.best { font-weight: 700 } td small, th small { display: block; font-weight: 400 } td.name { min-width: 15em }
tr.none td { color: var(--soft) } .warn { border-left: 4px solid #d97706; background: #fff8ec; padding: .5em .9em;
margin: .6em 0; border-radius: 0 6px 6px 0 } figure { margin: 0 0 1em }
figcaption { font-size: .9em; color: var(--soft); margin-bottom: .2em }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(430px, 100%), 1fr)); gap: .6em 1.6em }
svg { width: 100%; max-width: 560px; font: 11px system-ui, sans-serif; fill: #5b6472 }
video { width: 100%; border-radius: 6px; background: #000 } .cols { display: flex; font-size: .85em;
color: var(--soft) } .cols span { flex: 1; text-align: center } .clip { margin: 1.2em 0 }
.key { margin-right: 1.2em; font-size: .9em } .key i { display: inline-block; width: .8em; height: .8em;
border-radius: 50%; margin-right: .4em; vertical-align: -.05em } details { margin: .6em 0 }
summary { cursor: pointer; color: var(--soft) } .why { font-size: .85em; min-width: 12em }
.few { color: #b45309; font-weight: 400 } h1, p, li, figcaption { overflow-wrap: anywhere }
@media (max-width: 640px) { body { padding: 1em 1em 3em } td.name { min-width: 9em } th, td { padding: .3em .5em } }"""
