export const style = `
:root { color-scheme: light; --ink: #22302a; --soft: #66756d; --line: #dfe6e1; --ground: #f5f8f6; --good: #2f8f5b; --bad: #d5493a; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1080px; padding: 2rem 1.25rem; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: 1rem; justify-content: space-between; align-items: end; }
h1 { margin: 0; font-size: 2rem; } header p { margin: .25rem 0 0; color: var(--soft); }
.controls { display: flex; gap: 1rem; align-items: center; color: var(--soft); }
button { font: inherit; padding: .4rem 1rem; border: 0; border-radius: .5rem; background: var(--good); color: #fff; cursor: pointer; }
main { display: grid; grid-template-columns: repeat(auto-fit, minmax(290px, 1fr)); gap: 1rem; margin: 1.5rem 0; align-items: start; }
section { background: #fff; border: 1px solid var(--line); border-top: 4px solid var(--good); border-radius: .75rem; padding: 1rem; }
section.failed { border-top-color: var(--bad); } section.failed pre { color: var(--bad); }
h2 { margin: 0; font-size: 1.1rem; } h2 small { color: var(--soft); font-weight: 400; }
h3 { margin: .75rem 0 .25rem; font-size: .8rem; color: var(--soft); font-weight: 600; }
.who { margin: .5rem 0; display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
.chip { padding: .1rem .55rem; border-radius: 1rem; background: #e8edea; color: var(--ink); font-weight: 600; font-size: .9rem; }
.version { color: var(--soft); font: .8rem ui-monospace, monospace; margin-left: .4rem; } .took { color: var(--soft); font-size: .8rem; margin-left: auto; }
pre { margin: 0; padding: .6rem; max-height: 11rem; overflow: auto; background: var(--ground); border-radius: .5rem; font-size: .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.tally { list-style: none; margin: 0; padding: 0; font-size: .8rem; } .tally li { margin: .15rem 0; position: relative; padding-left: .4rem; }
.tally i { position: absolute; inset: 0 auto 0 0; border-radius: .25rem; opacity: .35; }
.away header { color: var(--bad); } .away main { opacity: .45; }
footer { color: var(--soft); font-size: .9rem; } code { background: #e8edea; border-radius: .25rem; padding: .1rem .3rem; }
@media (prefers-color-scheme: dark) {
  :root { color-scheme: dark; --ink: #e3ebe6; --soft: #93a39a; --line: #2c3831; --ground: #151c18; }
  section { background: #1d2621; } .chip { color: #1b2620; } code { background: #2c3831; }
}
`
