// The chat page: keeps a connection to the app, and shows what it says.
//
// Everything that comes from others is put into the page as textContent, never as markup.
'use strict';

const LINES_MAX = 500;           // lines kept in the page
const RETRY_FIRST_MS = 500;      // longest first wait before connecting again; then doubled
const RETRY_MAX_MS = 30000;
const STEADY_MS = 10000;         // a connection that lasted this long starts the count anew
const PEOPLE_SHOWN = 200;

const $ = (id) => document.getElementById(id);
const wide = matchMedia('(min-width: 48rem)');

const here = new Set();          // names of who is in the room
let me = '';                     // own name, as the server gave it
let wish = { room: 'lobby', name: '' };
let socket = null;
let attempts = 0;
let retryTimer = 0;
let tickTimer = 0;
let lastAuthor = null;
let unread = 0;

// --- The connection ---------------------------------------------------------------------------

function address() {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return `${scheme}//${location.host}/chat?${new URLSearchParams(wish)}`;
}

function connect() {
  stopWaiting();
  drop();
  showState('wait', 'Connecting\u2026');
  const current = new WebSocket(address());
  let openedAt = 0;
  socket = current;
  current.onopen = () => { openedAt = Date.now(); };
  current.onmessage = (event) => {
    if (current === socket) receive(event.data);
  };
  current.onclose = (event) => {
    if (current !== socket) return;
    socket = null;
    if (openedAt && Date.now() - openedAt > STEADY_MS) attempts = 0;
    closed(event);
  };
}

// Lets go of the connection without hearing from it again.
function drop() {
  if (!socket) return;
  const old = socket;
  socket = null;
  old.close(1000);
}

function closed(event) {
  here.clear();
  showPeople();
  setReady(false);
  // The server sent us away for something we did: doing it again at once helps nobody.
  if (event.code === 1008 || event.code === 1003) {
    showState('bad', 'Disconnected');
    showEvent(`The server closed the connection: ${event.reason || event.code}`, true);
    offerRetry();
    return;
  }
  if (event.code === 1013 && event.reason) showEvent(`Not let in: ${event.reason}`, true);
  retryLater();
}

// Waits between half and all of a time that doubles with each failure, so that the clients of a
// server that comes back do not all arrive at the same moment.
function retryLater() {
  const longest = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** attempts);
  attempts = Math.min(attempts + 1, 16);
  const wait = longest * (0.5 + Math.random() / 2);
  const at = Date.now() + wait;
  const tick = () => {
    const seconds = Math.max(1, Math.ceil((at - Date.now()) / 1000));
    showState('wait', navigator.onLine === false
      ? 'Offline'
      : `No connection. Next try in ${seconds}\u00a0s`);
  };
  tick();
  tickTimer = setInterval(tick, 1000);
  retryTimer = setTimeout(connect, wait);
}

function stopWaiting() {
  clearTimeout(retryTimer);
  clearInterval(tickTimer);
  retryTimer = 0;
  tickTimer = 0;
}

// The network or the person is back: no need to wait any longer.
function hurry() {
  if (retryTimer && !document.hidden) connect();
}

function offerRetry() {
  const item = document.createElement('li');
  const button = document.createElement('button');
  item.className = 'event';
  button.type = 'button';
  button.textContent = 'Connect again';
  button.onclick = () => { item.remove(); connect(); };
  item.append(button);
  append(item);
}

// --- What the server says ---------------------------------------------------------------------

function receive(data) {
  let message;
  try {
    message = JSON.parse(data);
  } catch {
    return;
  }
  const handler = handlers[message?.type];
  if (handler) handler(message);
}

const handlers = {
  __proto__: null,

  welcome({ room, name, here: names }) {
    me = String(name);
    here.clear();
    for (const one of names) here.add(String(one));
    $('room').textContent = room;
    showTitle();
    showPeople();
    showState('on', `Connected as ${me}`);
    setReady(true);
    const others = here.size - 1;
    showEvent(others === 0 ? 'You are the first one here'
      : others === 1 ? 'You came in. One other is here'
      : `You came in. ${others} others are here`);
  },

  joined({ name }) {
    here.add(String(name));
    showPeople();
    showEvent(`${isolate(name)} came in`);
  },

  left({ name }) {
    here.delete(String(name));
    showPeople();
    showEvent(`${isolate(name)} left`);
  },

  said({ name, text }) {
    showLine(String(name), String(text));
  },

  refused({ text }) {
    showEvent(`Not sent: ${text}`, true);
  },
};

// A name inside a sentence must not turn the direction of the rest.
function isolate(name) {
  return `\u2068${name}\u2069`;
}

// --- The page ---------------------------------------------------------------------------------

function showState(state, text) {
  $('state').dataset.state = state;
  $('state').textContent = text;
}

function showTitle() {
  $('room').title = $('room').textContent;
  const count = unread > 0 ? `(${unread}) ` : '';
  document.title = `${count}#${$('room').textContent}`;
}

function showPeople() {
  $('count').textContent = here.size === 0 ? 'Who is here'
    : here.size === 1 ? '1 person here'
    : `${here.size} people here`;
  const items = [...here].slice(0, PEOPLE_SHOWN).map((name) => {
    const item = document.createElement('li');
    item.textContent = name;
    item.title = name;
    item.dir = 'auto';
    if (name === me) item.className = 'me';
    return item;
  });
  $('here').replaceChildren(...items);
}

// The same hue for the same name, on every screen.
function hue(name) {
  let hash = 0;
  for (const character of name) hash = (Math.imul(hash, 31) + character.codePointAt(0)) >>> 0;
  return (hash * 137) % 360;
}

function showLine(name, text) {
  const item = document.createElement('li');
  const isFirst = name !== lastAuthor;
  lastAuthor = name;
  item.className = `${name === me ? 'mine' : ''} ${isFirst ? 'first' : ''}`.trim();
  if (isFirst) {
    const who = document.createElement('div');
    const author = document.createElement('bdi');
    const time = document.createElement('time');
    const now = new Date();
    who.className = 'who';
    author.textContent = name === me ? 'You' : name;
    author.style.setProperty('--hue', hue(name));
    time.dateTime = now.toISOString();
    time.textContent = now.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    who.append(author, time);
    item.append(who);
  }
  const body = document.createElement('p');
  body.className = 'text';
  body.textContent = text;
  item.append(body);
  append(item, name === me);
  if (document.hidden) {
    unread += 1;
    showTitle();
  }
}

function showEvent(text, isBad = false) {
  const item = document.createElement('li');
  item.className = isBad ? 'event bad' : 'event';
  item.textContent = text;
  lastAuthor = null;
  append(item);
}

function isAtEnd() {
  const log = $('log');
  return log.scrollHeight - log.scrollTop - log.clientHeight < 80;
}

function toEnd() {
  $('log').scrollTop = $('log').scrollHeight;
  $('newer').hidden = true;
}

// Adds to the conversation, and follows it unless the reader has scrolled up.
function append(item, follow = false) {
  const stay = !follow && !isAtEnd();
  const lines = $('lines');
  lines.append(item);
  while (lines.childElementCount > LINES_MAX) lines.firstElementChild.remove();
  if (stay) $('newer').hidden = false;
  else toEnd();
}

function setReady(isReady) {
  $('send').disabled = !isReady;
}

function fit() {
  const box = $('line');
  box.style.height = 'auto';
  box.style.height = `${box.scrollHeight + box.offsetHeight - box.clientHeight}px`;
}

function send() {
  const text = $('line').value;
  // What cannot be sent stays where it is.
  if (!text.trim() || $('send').disabled || socket?.readyState !== WebSocket.OPEN) return;
  socket.send(text);
  $('line').value = '';
  fit();
}

// --- Coming in --------------------------------------------------------------------------------

// Storage may be forbidden; then the name is asked for again next time.
function recall() {
  try {
    return localStorage.getItem('name') ?? '';
  } catch {
    return '';
  }
}

function remember(name) {
  try {
    localStorage.setItem('name', name);
  } catch { /* see recall() */ }
}

function enter(room, name) {
  const isOther = room !== wish.room;
  wish = { room, name };
  attempts = 0;
  $('room').textContent = room;
  showTitle();
  setReady(false);
  here.clear();
  showPeople();
  if (isOther) {
    $('lines').replaceChildren();
    lastAuthor = null;
  }
  const url = new URL(location.href);
  url.searchParams.set('room', room);
  if (url.searchParams.has('name')) url.searchParams.set('name', name);
  history.replaceState(null, '', url);
  connect();
  if (wide.matches) $('line').focus();
}

// Whether there is anything behind the question who comes in.
function isIn() {
  return Boolean(socket || retryTimer || $('lines').childElementCount);
}

function ask() {
  $('join-name').value = wish.name;
  $('join-room').value = wish.room;
  $('stay').hidden = !isIn();
  $('join').showModal();
}

function start() {
  const query = new URLSearchParams(location.search);
  wish = { room: query.get('room') || 'lobby', name: query.get('name') || recall() };
  $('room').textContent = wish.room;
  showTitle();
  if (wish.name) enter(wish.room, wish.name);
  else ask();
}

// Handled here and not by method="dialog", which some browsers hold to be a form action that the
// page's policy forbids.
$('wish').addEventListener('submit', (event) => {
  event.preventDefault();
  $('join').close();
  const name = $('join-name').value.trim() || 'guest';
  remember(name);
  enter($('join-room').value.trim() || 'lobby', name);
});
$('stay').addEventListener('click', () => $('join').close());
// The Escape key is as good as that button, if there is one.
$('join').addEventListener('cancel', (event) => {
  if (!isIn()) event.preventDefault();
});
$('change').addEventListener('click', ask);
$('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  send();
});
$('line').addEventListener('input', fit);
$('line').addEventListener('keydown', (event) => {
  // Not while an input method is composing a character.
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
});
$('newer').addEventListener('click', toEnd);
$('log').addEventListener('scroll', () => { if (isAtEnd()) $('newer').hidden = true; });
addEventListener('resize', () => { if ($('newer').hidden) toEnd(); });
addEventListener('online', hurry);
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  unread = 0;
  showTitle();
  hurry();
});
// On a wide screen the list of people is always open.
const unfold = () => { $('people').open = wide.matches; };
wide.addEventListener('change', unfold);
$('people').addEventListener('toggle', () => { if (wide.matches) $('people').open = true; });

unfold();
start();
