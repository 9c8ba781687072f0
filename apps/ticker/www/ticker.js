// The ticker page: keeps a connection to the app, and draws the last ticks of what it sends.
//
// Text of others is put into the page as textContent, never as markup.
'use strict';

const RETRY_FIRST_MS = 500;      // longest first wait before connecting again; then doubled
const RETRY_MAX_MS = 30000;
const CALM_MS = 1000;            // between two drawings for who wants little motion
const SAY_MS = 10000;            // between two descriptions of the chart for who cannot see it

const $ = (id) => document.getElementById(id);
const calm = matchMedia('(prefers-reduced-motion: reduce)');

let market = null;               // { symbols, ticks, every, number }
let rows = [];                   // a row of the list for each symbol
let shown = 0;                   // the symbol in the large chart
let frozen = null;               // while paused, the ticks that are shown in place of the last
let drawnAt = 0;
let saidAt = 0;
let socket = null;
let attempts = 0;
let retryTimer = 0;
let countTimer = 0;

// --- The connection ---------------------------------------------------------------------------

function connect() {
  clearTimeout(retryTimer);
  clearInterval(countTimer);
  retryTimer = 0;
  showState('wait', 'Connecting\u2026');
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  socket = new WebSocket(`${scheme}//${location.host}/ticker`);
  socket.onmessage = (event) => receive(JSON.parse(event.data));
  socket.onclose = retryLater;
}

// Waits between half and all of a time that doubles with each failure, so that the clients of a
// server that comes back do not all arrive at the same moment.
function retryLater() {
  socket = null;
  const longest = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** attempts);
  attempts = Math.min(attempts + 1, 16);
  const wait = longest * (0.5 + Math.random() / 2);
  const at = Date.now() + wait;
  const count = () => {
    const seconds = Math.max(1, Math.ceil((at - Date.now()) / 1000));
    showState('wait', navigator.onLine === false
      ? 'Offline'
      : `No connection. Next try in ${seconds}\u00a0s`);
  };
  count();
  countTimer = setInterval(count, 1000);
  retryTimer = setTimeout(connect, wait);
}

function hurry() {
  if (retryTimer && !document.hidden) connect();
}

function receive(message) {
  if (message.type === 'market') {
    const { symbols, ticks, first, every_ms: every } = message;
    market = { symbols, ticks, every, size: ticks.length, number: first + ticks.length - 1 };
    attempts = 0;
    $('pause').disabled = false;
    showLive();
    makeRows();
    draw(true);
  } else if (message.type === 'tick' && market) {
    market.ticks.push(message.prices);
    if (market.ticks.length > market.size) market.ticks.shift();
    market.number = message.number;
    draw();
  }
}

function showLive() {
  showState('on', frozen ? 'Paused' : 'Live');
}

function showState(state, text) {
  if ($('state').textContent !== text) $('state').textContent = text;
  $('state').dataset.state = state;
}

// --- The list ---------------------------------------------------------------------------------

function element(name, className, parent) {
  const made = document.createElement(name);
  made.className = className;
  parent.append(made);
  return made;
}

function makeRows() {
  if (rows.length === market.symbols.length) return;
  $('list').querySelectorAll('label').forEach((label) => label.remove());
  rows = market.symbols.map((symbol, index) => {
    const label = element('label', '', $('list'));
    const input = element('input', '', label);
    Object.assign(input, { type: 'radio', name: 'symbol', checked: index === shown });
    input.addEventListener('change', () => {
      shown = index;
      saidAt = 0;
      draw(true);
    });
    element('b', '', label).textContent = symbol;
    label.insertAdjacentHTML('beforeend',
      '<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true"><path></path></svg>');
    const price = element('span', 'price', label);
    const change = element('span', 'change', label);
    return { label, path: label.querySelector('path'), price, change };
  });
}

// --- Drawing ----------------------------------------------------------------------------------

const money = (cents) => (cents / 100).toFixed(2);

// The sign stands for the colour where that is not seen.
function percent(from, to) {
  const change = ((to - from) / from) * 100;
  return `${change < 0 ? '\u2212' : '+'}${Math.abs(change).toFixed(2)}\u00a0%`;
}

// The points of a line through 1000 by 1000 units, the newest at the right.
function points(prices, low, high) {
  const step = 1000 / Math.max(1, market.size - 1);
  const left = 1000 - step * (prices.length - 1);
  const scale = 1000 / Math.max(1, high - low);
  return prices
    .map((price, i) => `${(left + i * step).toFixed(1)} ${((high - price) * scale).toFixed(1)}`)
    .join('L');
}

function draw(isUrgent = false) {
  const now = Date.now();
  if (!isUrgent && (frozen || document.hidden)) return;
  if (!isUrgent && calm.matches && now - drawnAt < CALM_MS) return;
  drawnAt = now;
  const ticks = frozen ?? market.ticks;
  market.symbols.forEach((symbol, index) => {
    const prices = ticks.map((tick) => tick[index]);
    const [from, to] = [prices[0], prices[prices.length - 1]];
    const [low, high] = [Math.min(...prices), Math.max(...prices)];
    const line = points(prices, low, high);
    const row = rows[index];
    row.price.textContent = money(to);
    row.change.textContent = percent(from, to);
    row.label.classList.toggle('down', to < from);
    row.path.setAttribute('d', `M${line}`);
    if (index === shown) drawLarge({ symbol, from, to, low, high, line, count: ticks.length });
  });
}

function drawLarge({ symbol, from, to, low, high, line, count }) {
  const seconds = Math.round((count * market.every) / 1000);
  $('focus').classList.toggle('down', to < from);
  $('name').textContent = symbol;
  $('price').textContent = money(to);
  $('change').textContent = percent(from, to);
  $('line').setAttribute('d', `M${line}`);
  $('area').setAttribute('d', `M${line}L1000 1000L${line.split(' ')[0]} 1000Z`);
  $('high').textContent = money(high);
  $('low').textContent = money(low);
  $('span').textContent = `${seconds}\u00a0s ago`;
  $('dot').hidden = false;
  $('dot').style.top = `${((high - to) / Math.max(1, high - low)) * 100}%`;
  const now = Date.now();
  if (now - saidAt < SAY_MS) return;
  saidAt = now;
  $('chart').setAttribute('aria-label', `${symbol} in the last ${seconds} seconds: now ${money(to)}, `
    + `lowest ${money(low)}, highest ${money(high)}, change ${percent(from, to)}`);
}

$('pause').addEventListener('click', () => {
  frozen = frozen ? null : market.ticks.slice();
  $('pause').setAttribute('aria-pressed', String(frozen !== null));
  if (socket?.readyState === WebSocket.OPEN) showLive();
  draw(true);
});
addEventListener('online', hurry);
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  hurry();
  if (market) draw(true);
});
connect();
