// What clients see of echo, chat and ticker, held against any server that has them: RingSocket, and
// the same apps for Node in docs/node, so that the lines of code in docs/apps.md are of apps that do
// the same.
// Usage: node apps.mjs WS-MODULE-FOLDER (echo|chat|ticker) URL
// Exits 0 if all is as the apps say.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

const PATIENCE_MS = 20_000
const [folder, app, url] = process.argv.slice(2)
const { WebSocket } = createRequire(`${folder}/`)('ws')
setTimeout(() => { throw new Error(`${app}: out of patience`) }, PATIENCE_MS).unref()

// A client that keeps what it receives until it is asked for.
class Client {
  #received = []
  #wanted = []

  static async open(target = '', headers = {}) {
    const client = new Client()
    client.socket = new WebSocket(url + target, { headers })
    client.socket.on('message', (data, isBinary) => client.#got(isBinary ? data : data.toString()))
    client.socket.on('close', (code, reason) => client.#got({ code, reason: reason.toString() }))
    await new Promise((resolve, reject) => client.socket.on('open', resolve).on('error', reject))
    return client
  }

  #got(message) {
    if (this.#wanted.length > 0) this.#wanted.shift()(message)
    else this.#received.push(message)
  }

  async next() {
    if (this.#received.length > 0) return this.#received.shift()
    return new Promise((resolve) => this.#wanted.push(resolve))
  }

  async expect(message) { assert.deepEqual(JSON.parse(await this.next()), message) }
  async expectClose(code, reason) { assert.deepEqual(await this.next(), { code, reason }) }
  send(message) { this.socket.send(message) }

  async leave() {
    this.socket.close(1000)
    await this.expectClose(1000, '')
  }
}

async function echo() {
  const [client, other] = [await Client.open(), await Client.open()]
  for (const message of ['', 'grüezi', Buffer.from([0, 255]), 'x'.repeat(65_536), Buffer.alloc(0)]) {
    client.send(message)
    assert.deepEqual(await client.next(), message)
  }
  // Nobody else heard of it: the next thing there is its own.
  other.send('mine')
  assert.equal(await other.next(), 'mine')
  await Promise.all([client.leave(), other.leave()])
}

// In a room of the chat, by the name in the cookie.
function enter(room, name) {
  const headers = name === undefined ? {} : { cookie: `a=b; chat_name=${encodeURIComponent(name)}` }
  return Client.open(`?room=${encodeURIComponent(room)}`, headers)
}

// The status with which somebody is not let in.
async function refusal(target, cookie) {
  const socket = new WebSocket(url + target, { headers: { cookie } })
  return new Promise((resolve) => {
    socket.on('unexpected-response', (_, response) => resolve(response.statusCode))
    socket.on('open', () => resolve(101))
    socket.on('error', () => {})
  })
}

async function chat() {
  const ann = await enter(' tea \troom', 'Ann')
  await ann.expect({ type: 'welcome', room: 'tea room', name: 'Ann', here: ['Ann'], lines: [] })
  const cay = await Client.open()
  await cay.expect({ type: 'welcome', room: 'lobby', name: 'guest', here: ['guest'], lines: [] })
  // The same to the eye, and so not the same name; and no longer than 24 characters.
  const other = await enter('tea room', 'A\u202en\u200bN')
  const here = ['Ann', 'AnN 2']
  await other.expect({ type: 'welcome', room: 'tea room', name: 'AnN 2', here, lines: [] })
  await ann.expect({ type: 'joined', name: 'AnN 2' })
  const long = await enter('r'.repeat(40), '\u{1f600}'.repeat(30))
  const name = '\u{1f600}'.repeat(24)
  await long.expect({ type: 'welcome', room: 'r'.repeat(32), name, here: [name], lines: [] })
  await long.leave()
  assert.equal(await refusal('', 'chat_name=%ff'), 400)
  assert.equal(await refusal('', 'chat_name=%e2%80%8b'), 400)
  assert.equal(await refusal('?room=%e2%80%8b', ''), 400)

  ann.send(' a\n\n\n\tb \u0007c\r\n')
  ann.send(' \u200b ')
  ann.send('\u{1f600}'.repeat(2000))
  ann.send('y'.repeat(2001))
  const texts = ['a\n\n\tb c', '\u{1f600}'.repeat(2000)]
  let last = 0
  for (const client of [ann, other]) {
    last = 0
    for (const text of texts) {
      const { at, ...said } = JSON.parse(await client.next())
      assert.deepEqual(said, { type: 'said', name: 'Ann', text })
      assert(at > last && Math.abs(at - Date.now()) < PATIENCE_MS, `${at} after ${last}`)
      last = at
    }
  }
  await ann.expect({ type: 'refused', text: 'a line has at most 2000 characters' })

  other.send(Buffer.from('binary'))
  await other.expectClose(1003, 'lines are text')
  await ann.expect({ type: 'left', name: 'AnN 2' })
  // Who comes later is told what was said.
  const late = await enter('tea room', 'Late')
  const { lines } = JSON.parse(await late.next())
  assert.deepEqual(lines.map((line) => [line.name, line.text]), texts.map((text) => ['Ann', text]))
  assert.equal(lines[1].at, last)
  await ann.expect({ type: 'joined', name: 'Late' })
  await late.leave()
  await ann.expect({ type: 'left', name: 'Late' })

  for (let i = 0; i < 60; i += 1) cay.send(`${i}`)
  for (let i = 0; i < 20; i += 1) assert.equal(JSON.parse(await cay.next()).text, `${i}`)
  // A slow machine grants a few more.
  let next = await cay.next()
  while (typeof next === 'string') next = await cay.next()
  assert.deepEqual(next, { code: 1008, reason: 'too many lines at once' })

  const crowd = []
  for (let i = 0; i < 200; i += 1) {
    crowd.push(await enter('full'))
    await crowd[i].next()
  }
  await (await enter('full')).expectClose(1013, 'the room is full')
  crowd.forEach((client) => client.socket.terminate())
  await ann.leave()
}

async function ticker() {
  const isTick = (prices) => prices.length === 5 && prices.every(Number.isInteger)
  const ann = await Client.open()
  const market = JSON.parse(await ann.next())
  const { type, every_ms: every, symbols, first, ticks } = market
  assert.deepEqual([type, every, ticks.length, first >= 0], ['market', 250, 240, true])
  assert.deepEqual(symbols, ['ASH', 'BIRCH', 'CEDAR', 'ELM', 'OAK'])
  assert(ticks.every(isTick))
  const next = JSON.parse(await ann.next())
  assert.deepEqual([next.type, next.number], ['tick', first + 240])
  assert(isTick(next.prices))

  const ben = await Client.open()
  const { first: later, ticks: seen } = JSON.parse(await ben.next())
  assert.equal(seen.length, 240)
  assert.deepEqual(seen.at(first + 240 - later), next.prices)
  const theirs = JSON.parse(await ben.next())
  let ours
  do ours = JSON.parse(await ann.next()); while (ours.number < theirs.number)
  assert.deepEqual(ours, theirs)
  ben.send('buy')
  let last
  do last = await ben.next(); while (typeof last === 'string')
  assert.deepEqual(last, { code: 1008, reason: 'nothing is for sale here' })

  // While nobody is there the market rests.
  ann.socket.terminate()
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const cay = await Client.open()
  const { first: resumed } = JSON.parse(await cay.next())
  assert(resumed + 239 < ours.number + 5, `${resumed + 239} after ${ours.number}`)
  cay.socket.terminate()
}

await { echo, chat, ticker }[app]()
console.log(`${app}: ok at ${url}`)
process.exit(0)
