import type { Overview } from './calls.js'
import { clientScript } from './client-script.js'
import { style } from './style.js'

/** The whole page, with the first overview in it, so that it says everything without a script as well. */
export function page(overview: Overview): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shop</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<header>
  <div>
    <h1>Shop</h1>
    <p>This page was served by <b class="chip" id="self">${escaped(overview.instance)}</b><span class="version" id="self-version">${escaped(overview.version)}</span></p>
  </div>
  <div class="controls">
    <label><input type="checkbox" id="auto" checked> refresh every second</label>
    <button id="refresh" type="button">Refresh</button>
  </div>
</header>
<main>
${overview.calls
  .map(
    (call) => `  <section id="${escaped(call.service)}" class="${call.ok ? 'ok' : 'failed'}">
    <h2>${escaped(call.service)} <small>GET ${escaped(call.path)}</small></h2>
    <p class="who"><b class="chip">${escaped(call.instance || 'nobody')}</b><span class="version">${escaped(call.version)}</span><span class="took">${call.tookMs} ms</span></p>
    <pre>${escaped(call.ok ? JSON.stringify(call.body, null, 2) : call.error)}</pre>
    <h3>Who served so far</h3>
    <ul class="tally"></ul>
  </section>`,
  )
  .join('\n')}
</main>
<footer>Scale, kill or restart a service and watch its card: <code>pando scale users=4</code></footer>
<script>const first = ${embedded(overview)};${clientScript}</script>
</body>
</html>
`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** JSON that is safe inside a script element: nothing in it can end the element. */
function embedded(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029')
}
