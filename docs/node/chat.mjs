// Chat rooms: apps/chat, for Node `ws`. What clients send and receive is described there.
// Usage: node chat.mjs PORT, and then ws://127.0.0.1:PORT/chat?room=NAME&name=NAME
import { WebSocketServer } from 'ws'

const LINE_MAX = 2000
const ROOM_NAME_MAX = 32
const NAME_MAX = 24
const ROOM_MAX = 200
const BURST = 20
const REFILL_MS = 200

const UNSUPPORTED = 1003
const POLICY = 1008
const TRY_AGAIN_LATER = 1013

// Characters with which one name could look like another.
const HIDDEN = new RegExp('[\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f'
  + '\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\u2800\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0'
  + '\\ufff0-\\ufffb\\u{e0000}-\\u{e0fff}]', 'gu')

// One line of at most `max` characters; `fallback` if nothing of it shows.
function cleanName(wish, max, fallback) {
  const shown = wish.replace(HIDDEN, '').replace(/[\s\p{Cc}]+/gu, ' ').trim()
  return [...shown].slice(0, max).join('').trimEnd() || fallback
}

// Without control characters and space around it; empty if nothing of it shows.
function cleanLine(text) {
  const line = text.replace(/(?![\n\t])\p{Cc}/gu, '').trim()
  return line.replace(HIDDEN, '').trim() && line
}

// Who is in each room, in the order in which they came: name of the room to client to member.
const rooms = new Map()

// The name, or the name with the first number from 2 that makes it unlike all in the room.
function uniqueName(wish, members) {
  const taken = new Set(Array.from(members, (member) => member.name.toLowerCase()))
  let name = wish
  for (let number = 2; taken.has(name.toLowerCase()); number += 1) name = `${wish} ${number}`
  return name
}

function sendAll(clients, message) {
  const text = JSON.stringify(message)
  for (const client of clients) client.send(text)
}

const server = new WebSocketServer({
  host: '127.0.0.1', port: Number(process.argv[2]), path: '/chat', perMessageDeflate: true,
})

server.on('connection', (client, request) => {
  client.on('error', () => {}) // A broken client is closed by then.

  const wishes = new URL(request.url, 'http://localhost').searchParams
  const roomName = cleanName(wishes.get('room') ?? '', ROOM_NAME_MAX, 'lobby')
  if (!rooms.has(roomName)) rooms.set(roomName, new Map())
  const room = rooms.get(roomName)
  if (room.size >= ROOM_MAX) return client.close(TRY_AGAIN_LATER, 'the room is full')

  const wish = cleanName(wishes.get('name') ?? '', NAME_MAX, 'guest')
  const member = { name: uniqueName(wish, room.values()), fullAt: 0 }
  const { name } = member
  sendAll(room.keys(), { type: 'joined', name })
  room.set(client, member)
  const here = Array.from(room.values(), (other) => other.name)
  sendAll([client], { type: 'welcome', room: roomName, name, here })

  function leave() {
    if (!room.delete(client)) return
    if (room.size === 0) rooms.delete(roomName)
    sendAll(room.keys(), { type: 'left', name })
  }

  function sendAway(code, reason) {
    leave()
    client.close(code, reason)
  }

  client.on('message', (data, isBinary) => {
    if (!room.has(client)) return // Being closed.
    const now = performance.now()
    const fullAt = Math.max(member.fullAt, now) + REFILL_MS
    if (fullAt > now + BURST * REFILL_MS) return sendAway(POLICY, 'too many lines at once')
    member.fullAt = fullAt
    if (isBinary) return sendAway(UNSUPPORTED, 'lines are text')

    const text = data.toString()
    if (text.length > 2 * LINE_MAX || [...text].length > LINE_MAX) {
      const refusal = `a line has at most ${LINE_MAX} characters`
      return sendAll([client], { type: 'refused', text: refusal })
    }
    const line = cleanLine(text)
    if (line) sendAll(room.keys(), { type: 'said', name, text: line })
  })
  client.on('close', leave)
})
