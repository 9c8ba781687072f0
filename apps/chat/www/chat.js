// The chat page: who comes in where, who is here, and what the app says.
import { Connection } from './connection.js';
import * as conversation from './conversation.js';

const PEOPLE_SHOWN = 200;
const YEAR_S = 365 * 24 * 3600;
const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;

const $ = (id) => document.getElementById(id);
const wide = matchMedia('(min-width: 48rem)');

const here = new Set();          // names of who is in the room
let me = '';                     // own name, as the app gave it
let wish = { room: 'lobby', name: '' };
let unread = 0;

// --- The cookie with the name -----------------------------------------------------------------

function recall() {
  const value = document.cookie.match(/(?:^|; )chat_name=([^;]*)/)?.[1] ?? '';
  try {
    return decodeURIComponent(value);
  } catch {
    return '';
  }
}

// Tabs share their cookies, so each sets it anew when it connects.
function remember(name) {
  const secure = location.protocol === 'https:' ? '; Secure' : '';
  document.cookie = `chat_name=${encodeURIComponent(name)}; Path=/; Max-Age=${YEAR_S}`
    + `; SameSite=Strict${secure}`;
}

// Own lines are known again when the page is loaded anew. Storage may be forbidden.
const mine = {
  key: () => `mine ${wish.room}`,
  all() {
    try {
      return JSON.parse(sessionStorage.getItem(this.key())) ?? [];
    } catch {
      return [];
    }
  },
  add(at) {
    try {
      sessionStorage.setItem(this.key(), JSON.stringify([...this.all(), at].slice(-100)));
    } catch { /* as above */ }
  },
};

// --- What the app says ------------------------------------------------------------------------

const handlers = {
  __proto__: null,

  welcome({ room, name, here: names, lines }) {
    const wasEmpty = conversation.isEmpty();
    me = String(name);
    here.clear();
    for (const one of names) here.add(String(one));
    $('room').textContent = room;
    showTitle();
    showPeople();
    const own = mine.all();
    // Not read aloud: it was said before.
    $('log').ariaBusy = 'true';
    for (const line of lines) conversation.showLine(line, own.includes(line.at));
    const others = here.size - 1;
    conversation.showEvent(others === 0 ? 'You are the first one here'
      : others === 1 ? 'You came in. One other is here'
      : `You came in. ${others} others are here`);
    if (wasEmpty && lines.length === 0) {
      conversation.showEvent('Nothing has been said yet. Say hello, or send the address of this page'
        + ' to somebody.');
    }
    $('log').ariaBusy = 'false';
    conversation.toEnd();
    showState('on', `Connected as ${me}`);
    $('send').disabled = false;
  },

  joined({ name }) {
    here.add(String(name));
    showPeople();
    conversation.showMove(`${conversation.isolate(name)} came in`);
  },

  left({ name }) {
    here.delete(String(name));
    showPeople();
    conversation.showMove(`${conversation.isolate(name)} left`);
  },

  said(line) {
    const isMine = line.name === me;
    if (isMine) mine.add(line.at);
    if (conversation.showLine(line, isMine) && document.hidden && !isMine) {
      unread += 1;
      showTitle();
    }
  },

  refused({ text }) {
    conversation.showEvent(`Not sent: ${text}`, true);
  },
};

const connection = new Connection({
  connecting() {
    remember(wish.name);
    showState('wait', 'Connecting…');
  },

  message(data) {
    const message = JSON.parse(data);
    handlers[message.type]?.(message);
  },

  lost(event, isFinal) {
    here.clear();
    showPeople();
    $('send').disabled = true;
    if (isFinal) {
      showState('bad', 'Disconnected');
      conversation.showEvent(`The server closed the connection: ${event.reason || event.code}`, true);
      conversation.showButton('Connect again', () => connection.connect());
    } else if (event.code === 1013 && event.reason) {
      conversation.showEvent(`Not let in: ${event.reason}`, true);
    }
  },

  waiting(seconds) {
    showState('wait', navigator.onLine === false ? 'Offline'
      : `No connection. Next try in ${seconds}\u00a0s`);
  },
});

// --- Around the conversation ------------------------------------------------------------------

function showState(state, text) {
  if ($('state').textContent === text) return;
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
    item.style.setProperty('--hue', conversation.hue(name));
    if (name === me) item.className = 'me';
    return item;
  });
  $('here').replaceChildren(...items);
}

function fit() {
  const box = $('line');
  box.style.height = 'auto';
  box.style.height = `${box.scrollHeight + box.offsetHeight - box.clientHeight}px`;
}

function send() {
  const text = $('line').value;
  // What cannot be sent stays where it is.
  if (!text.trim() || $('send').disabled || !connection.isOpen) return;
  connection.send(text);
  $('line').value = '';
  fit();
}

// --- Coming in --------------------------------------------------------------------------------

function enter(room, name) {
  if (room !== wish.room) conversation.clear();
  wish = { room, name };
  $('room').textContent = room;
  showTitle();
  $('send').disabled = true;
  here.clear();
  showPeople();
  const page = new URL(location.href);
  page.searchParams.set('room', room);
  if (page.searchParams.has('name')) page.searchParams.set('name', name);
  history.replaceState(null, '', page);
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  connection.open(`${scheme}//${location.host}/chat?${new URLSearchParams({ room })}`);
  if (wide.matches) $('line').focus();
}

// Whether there is anything behind the question who comes in.
function isIn() {
  return connection.isWanted || !conversation.isEmpty();
}

function ask() {
  $('join-name').value = wish.name;
  $('join-room').value = wish.room;
  $('stay').hidden = !isIn();
  $('join').showModal();
}

// What shows nothing would be refused before the connection is there, and a script cannot see why.
function check({ target }) {
  const isFit = !target.value.trim() || VISIBLE.test(target.value);
  target.setCustomValidity(isFit ? '' : 'Nothing of this can be seen');
}

function start() {
  const query = new URLSearchParams(location.search);
  wish = { room: query.get('room') || 'lobby', name: query.get('name') || recall() };
  $('room').textContent = wish.room;
  showTitle();
  if (VISIBLE.test(wish.name) && VISIBLE.test(wish.room)) enter(wish.room, wish.name);
  else ask();
}

// Handled here and not by method="dialog", which some browsers hold to be a form action that the
// page's policy forbids.
$('wish').addEventListener('submit', (event) => {
  event.preventDefault();
  $('join').close();
  enter($('join-room').value.trim() || 'lobby', $('join-name').value.trim() || 'guest');
});
$('join-name').addEventListener('input', check);
$('join-room').addEventListener('input', check);
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
$('newer').addEventListener('click', conversation.toEnd);
$('log').addEventListener('scroll', () => { if (conversation.isAtEnd()) conversation.reached(); });
addEventListener('resize', () => { if ($('newer').hidden) conversation.toEnd(); });
addEventListener('online', () => connection.hurry());
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return conversation.lookAway();
  unread = 0;
  showTitle();
  connection.hurry();
});
// On a wide screen the list of people is always open.
const unfold = () => { $('people').open = wide.matches; };
wide.addEventListener('change', unfold);
$('people').addEventListener('toggle', () => { if (wide.matches) $('people').open = true; });

unfold();
start();
