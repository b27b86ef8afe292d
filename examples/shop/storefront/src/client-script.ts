/**
 * What the page does in the browser: asks for a new overview, shows it, and counts who served each call.
 * Everything is set as text, never as HTML. The storefront itself may be away: that is shown too, and asked again.
 */
export const clientScript = `
const tallies = {};
const hue = (name) => { let h = 7; for (const c of name) h = (h * 31 + c.codePointAt(0)) % 360; return h; };
const chip = (element, name) => {
  element.textContent = name || 'nobody';
  element.style.background = name ? 'hsl(' + hue(name) + ' 60% 88%)' : '';
};
const count = (service, name) => {
  const tally = (tallies[service] ??= new Map());
  tally.set(name, (tally.get(name) ?? 0) + 1);
  if (tally.size > 12) tally.delete(tally.keys().next().value);
};
const drawTally = (card, service) => {
  const tally = tallies[service];
  const most = Math.max(...tally.values());
  card.querySelector('.tally').replaceChildren(...[...tally].map(([name, times]) => {
    const row = document.createElement('li');
    const bar = document.createElement('i');
    bar.style.width = Math.round((times / most) * 100) + '%';
    bar.style.background = name === 'failed' ? '#d5493a' : 'hsl(' + hue(name) + ' 55% 65%)';
    row.append(bar, name + ' · ' + times);
    return row;
  }));
};
const show = (overview) => {
  document.body.classList.remove('away');
  chip(document.getElementById('self'), overview.instance);
  document.getElementById('self-version').textContent = overview.version;
  for (const call of overview.calls) {
    const card = document.getElementById(call.service);
    card.className = call.ok ? 'ok' : 'failed';
    chip(card.querySelector('.chip'), call.instance);
    card.querySelector('.version').textContent = call.version;
    card.querySelector('.took').textContent = call.tookMs + ' ms';
    card.querySelector('pre').textContent = call.ok ? JSON.stringify(call.body, null, 2) : call.error;
    count(call.service, call.ok ? call.instance || 'unnamed' : 'failed');
    drawTally(card, call.service);
  }
};
let busy = false;
const refresh = async () => {
  if (busy) return;
  busy = true;
  try {
    const response = await fetch('overview.json', { cache: 'no-store', signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error('answered ' + response.status);
    show(await response.json());
  } catch (error) {
    document.body.classList.add('away');
    document.getElementById('self').textContent = 'nobody: the storefront does not answer';
  } finally {
    busy = false;
  }
};
document.getElementById('refresh').addEventListener('click', refresh);
setInterval(() => { if (document.getElementById('auto').checked && !document.hidden) refresh(); }, 1000);
show(first);
`
