// The conversation as the page shows it: lines, what happens between them, and what is unread.
//
// Everything that comes from others is put into the page as textContent, never as markup.

const SHOWN_MAX = 500;           // lines kept in the page
const NEAR_END_PX = 80;

const $ = (id) => document.getElementById(id);

let lastAt = 0;                  // of the last line shown: later ones are news
let lastAuthor = null;           // of the last item, if that is a line
let lastDay = '';
let newer = 0;                   // lines below what is seen
let mark = null;                 // where the unread begins

// The same hue for the same name, on every screen.
export function hue(name) {
  let hash = 0;
  for (const character of name) hash = (Math.imul(hash, 31) + character.codePointAt(0)) >>> 0;
  return ((Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0) / 2 ** 32) * 360;
}

// A name inside a sentence must not turn the direction of the rest.
export function isolate(name) {
  return `\u2068${name}\u2069`;
}

export function clear() {
  $('lines').replaceChildren();
  lastAt = 0;
  lastAuthor = null;
  lastDay = '';
  mark = null;
  toEnd();
}

export function isEmpty() {
  return $('lines').childElementCount === 0;
}

// Shows a line, unless it was shown before. False if it was.
export function showLine({ at, name, text }, isMine) {
  if (at <= lastAt) return false;
  lastAt = at;
  const time = new Date(at);
  showDay(time);
  if (document.hidden && !mark && !isMine) {
    mark = showEvent('New');
    mark.classList.add('mark');
  }
  const item = document.createElement('li');
  const isFirst = name !== lastAuthor;
  item.className = `${isMine ? 'mine' : ''} ${isFirst ? 'first' : ''}`.trim();
  if (isFirst) item.append(head(name, time, isMine));
  const body = document.createElement('p');
  body.className = 'text';
  body.textContent = text;
  item.append(body);
  lastAuthor = name;
  append(item, isMine, 1);
  return true;
}

function head(name, date, isMine) {
  const who = document.createElement('div');
  const author = document.createElement('bdi');
  const time = document.createElement('time');
  who.className = 'who';
  author.textContent = isMine ? 'You' : name;
  author.title = name;
  author.style.setProperty('--hue', hue(name));
  time.dateTime = date.toISOString();
  time.title = date.toLocaleString();
  time.textContent = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  who.append(author, time);
  return who;
}

function showDay(date) {
  const day = date.toDateString();
  const isToday = day === new Date().toDateString();
  if (day !== lastDay && !(isToday && lastDay === '')) {
    showEvent(isToday ? 'Today'
      : date.toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long' }));
  }
  lastDay = day;
}

export function showEvent(text, isBad = false) {
  const item = document.createElement('li');
  item.className = isBad ? 'event bad' : 'event';
  item.textContent = text;
  append(item);
  return item;
}

// Somebody came or went: what happens in a row is one paragraph, of its last few sentences.
export function showMove(text) {
  const last = $('lines').lastElementChild;
  if (!last?.classList.contains('moves')) return showEvent(text).classList.add('moves');
  const moves = last.textContent.split(' · ').filter((move) => move !== '…');
  moves.push(text);
  const stays = isAtEnd();
  last.textContent = (moves.length > 4 ? ['…', ...moves.slice(-4)] : moves).join(' · ');
  if (stays) toEnd();
}

export function showButton(text, onclick) {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = text;
  const item = showEvent('');
  button.onclick = () => { item.remove(); onclick(); };
  item.append(button);
  if (isAtEnd()) toEnd();
}

// The reader has looked away: what comes now will be marked.
export function lookAway() {
  mark?.remove();
  mark = null;
}

export function isAtEnd() {
  const log = $('log');
  return log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END_PX;
}

export function toEnd() {
  $('log').scrollTop = $('log').scrollHeight;
  reached();
}

// The end is in sight.
export function reached() {
  newer = 0;
  $('newer').hidden = true;
}

// Adds to the conversation, and follows it unless the reader has scrolled up.
function append(item, follow = false, lineCount = 0) {
  const stays = !follow && !isAtEnd();
  const lines = $('lines');
  if (!lineCount) lastAuthor = null;
  lines.append(item);
  while (lines.childElementCount > SHOWN_MAX) lines.firstElementChild.remove();
  if (!stays) return toEnd();
  newer += lineCount;
  $('newer').hidden = newer === 0;
  $('newer').textContent = newer === 1 ? '1 new line ↓' : `${newer} new lines ↓`;
}
