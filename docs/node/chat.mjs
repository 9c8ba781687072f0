// Chat rooms: apps/chat, for Node `ws`. What clients send and receive is described there.
// Usage: node chat.mjs PORT, and then ws://127.0.0.1:PORT/chat?room=NAME with a cookie chat_name
import { WebSocketServer } from 'ws'

const LINE_MAX = 2000
const FEEDS_MAX = 30
const ROOM_NAME_MAX = 32
const NAME_MAX = 24
const ROOM_MAX = 200
const ROOMS_MAX = 1000
const KEPT_FOR_MS = 3_600_000
const LINES_MAX = 100
const LINES_SIZE_MAX = 64 * 1024
const BURST = 20
const REFILL_MS = 200

const UNSUPPORTED = 1003
const POLICY = 1008
const TRY_AGAIN_LATER = 1013

// Characters with which one name could look like another.
const HIDDEN = new RegExp('[\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f'
  + '\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\u2800\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0'
  + '\\ufff0-\\ufffb\\u{e0000}-\\u{e0fff}]', 'gu')

// One line of at most `max` characters with at most two accents each; empty if nothing of it shows.
function cleanName(wish, max) {
  const shown = wish.replace(HIDDEN, '').replace(/(^|[\s\p{Cc}])\p{M}+/gu, '$1')
    .replace(/(?<=\p{M}{2})\p{M}+/gu, '').replace(/[\s\p{Cc}]+/gu, ' ').trim()
  return [...shown].slice(0, max).join('').trimEnd()
}

// Without control characters, walls of empty lines and space around it; empty if nothing of it shows.
function cleanLine(text) {
  let feeds = 0
  const line = text.replace(/(?![\n\t])\p{Cc}/gu, '').trim().replace(/\n{3,}/g, '\n\n')
    .replace(/\n/g, () => ((feeds += 1) > FEEDS_MAX ? ' ' : '\n'))
  return line.replace(HIDDEN, '').trim() && line
}

// Name of the room to its members (client to member, in the order in which they came), its last
// lines, and the timer that forgets it while it is empty.
const rooms = new Map()

function findRoom(name) {
  if (rooms.has(name)) return rooms.get(name)
  if (rooms.size >= ROOMS_MAX) {
    const empty = [...rooms].filter(([, room]) => room.members.size === 0)
    if (empty.length === 0) return undefined
    const [oldest] = empty.reduce((a, b) => (a[1].emptySince <= b[1].emptySince ? a : b))
    clearTimeout(rooms.get(oldest).timer)
    rooms.delete(oldest)
  }
  const room = { members: new Map(), lines: [], size: 0 }
  rooms.set(name, room)
  return room
}

// Adds a line, and forgets old ones as needed.
function addLine(room, name, text) {
  const at = Math.max(Date.now(), (room.lines.at(-1)?.at ?? 0) + 1)
  const sizeOf = (line) => Buffer.byteLength(line.name) + Buffer.byteLength(line.text) + 64
  const line = { at, name, text }
  room.size += sizeOf(line)
  while (room.lines.length >= LINES_MAX || (room.size > LINES_SIZE_MAX && room.lines.length > 0)) {
    room.size -= sizeOf(room.lines.shift())
  }
  room.lines.push(line)
  return line
}

// What a name looks like, as far as Unicode's normal forms tell.
const look = (name) => name.normalize('NFKD').toLowerCase()

// The name, or the name with the first number from 2 that makes it unlike all in the room.
function uniqueName(wish, members) {
  const taken = new Set(Array.from(members, (member) => look(member.name)))
  let name = wish
  for (let number = 2; taken.has(look(name)); number += 1) name = `${wish} ${number}`
  return name
}

function sendAll(clients, message) {
  const text = JSON.stringify(message)
  for (const client of clients) client.send(text)
}

// Who asks for what; throws what is wrong with it.
function guestOf(request) {
  const room = new URL(request.url, 'http://localhost').searchParams.get('room') || 'lobby'
  const cookie = /(?:^|;\s*)chat_name="?([^;"]*)/.exec(request.headers.cookie ?? '')?.[1]
  let wish
  try {
    wish = decodeURIComponent(cookie ?? '') || 'guest'
  } catch {
    throw new Error('the cookie chat_name is not percent-encoded UTF-8')
  }
  const guest = { roomName: cleanName(room, ROOM_NAME_MAX), name: cleanName(wish, NAME_MAX) }
  if (!guest.roomName) throw new Error('the name of the room shows nothing')
  if (!guest.name) throw new Error('the name in the cookie chat_name shows nothing')
  return guest
}

const server = new WebSocketServer({
  host: '127.0.0.1', port: Number(process.argv[2]), path: '/chat', perMessageDeflate: true,
  verifyClient({ req }, decide) {
    try {
      req.guest = guestOf(req)
      decide(true)
    } catch (error) {
      decide(false, 400, `${error.message}\n`)
    }
  },
})

server.on('connection', (client, request) => {
  client.on('error', () => {}) // A broken client is closed by then.

  const { roomName, name: wish } = request.guest
  const room = findRoom(roomName)
  if (!room) return client.close(TRY_AGAIN_LATER, 'there are too many rooms')
  if (room.members.size >= ROOM_MAX) return client.close(TRY_AGAIN_LATER, 'the room is full')
  clearTimeout(room.timer)

  const member = { name: uniqueName(wish, room.members.values()), fullAt: 0 }
  const { name } = member
  sendAll(room.members.keys(), { type: 'joined', name })
  room.members.set(client, member)
  const here = Array.from(room.members.values(), (other) => other.name)
  sendAll([client], { type: 'welcome', room: roomName, name, here, lines: room.lines })

  function leave() {
    if (!room.members.delete(client)) return
    sendAll(room.members.keys(), { type: 'left', name })
    if (room.members.size > 0) return
    room.emptySince = performance.now()
    const forget = () => rooms.delete(roomName)
    if (room.lines.length === 0) forget()
    else room.timer = setTimeout(forget, KEPT_FOR_MS).unref()
  }

  function sendAway(code, reason) {
    leave()
    client.close(code, reason)
  }

  client.on('message', (data, isBinary) => {
    if (!room.members.has(client)) return // Being closed.
    if (isBinary) return sendAway(UNSUPPORTED, 'lines are text')
    const now = performance.now()
    const tokens = Math.min(1 + Math.floor(data.length / 1000), BURST)
    const fullAt = Math.max(member.fullAt, now) + tokens * REFILL_MS
    if (fullAt > now + BURST * REFILL_MS) return sendAway(POLICY, 'too many lines at once')
    member.fullAt = fullAt

    const text = data.toString()
    if (data.length > 4 * LINE_MAX || [...text].length > LINE_MAX) {
      const refusal = `a line has at most ${LINE_MAX} characters`
      return sendAll([client], { type: 'refused', text: refusal })
    }
    const line = cleanLine(text)
    if (line) sendAll(room.members.keys(), { type: 'said', ...addLine(room, name, line) })
  })
  client.on('close', leave)
})
