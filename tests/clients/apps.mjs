// What clients see of echo, chat and ticker, held against any server that has them: RingSocket, and
// the same apps for Node in docs/node, so that the lines of code in docs/apps.md are of apps that do
// the same.
// Usage: node apps.mjs WS-MODULE-FOLDER (echo|chat|ticker) URL
// The server has just been started: a chat would remember what was said before.
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

  // The status and the text with which an upgrade is refused.
  static async refusal(target, headers) {
    const socket = new WebSocket(url + target, { headers })
    const response = await new Promise((resolve, reject) => {
      socket.on('unexpected-response', (_, answer) => resolve(answer))
      socket.on('open', () => reject(new Error(`let in at ${target}`)))
    })
    const body = await response.setEncoding('utf8').toArray()
    return [response.statusCode, body.join('')]
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

// The name of who enters, as the page sends it.
const named = (name) => ({ Cookie: `theme=dark; chat_name=${encodeURIComponent(name)}` })

// Lines come with a time; two of a room never with the same.
async function hear(client, name, text) {
  const said = JSON.parse(await client.next())
  const { type, ...line } = said
  assert.deepEqual([type, line], ['said', { at: line.at, name, text }])
  assert(Number.isInteger(line.at) && line.at > 1_700_000_000_000, `said at ${line.at}`)
  return line
}

async function names() {
  const ann = await Client.open('?room=%20tea%20%09room', named('Ann'))
  await ann.expect({ type: 'welcome', room: 'tea room', name: 'Ann', here: ['Ann'], lines: [] })
  const cay = await Client.open()
  await cay.expect({ type: 'welcome', room: 'lobby', name: 'guest', here: ['guest'], lines: [] })
  // The same to the eye, and so not the same name; and no longer than 24 characters.
  const other = await Client.open('?room=tea+room', named('A\u202en\u200bN'))
  const here = ['Ann', 'AnN 2']
  await other.expect({ type: 'welcome', room: 'tea room', name: 'AnN 2', here, lines: [] })
  await ann.expect({ type: 'joined', name: 'AnN 2' })
  const long = await Client.open(`?room=${'r'.repeat(40)}`, named('\u{1f600}'.repeat(30)))
  const name = '\u{1f600}'.repeat(24)
  await long.expect({ type: 'welcome', room: 'r'.repeat(32), name, here: [name], lines: [] })
  await long.leave()
  const marked = await Client.open('?room=m', named('\u0301Z\u0301\u0302\u0303 \u0301a'))
  assert.equal(JSON.parse(await marked.next()).name, 'Z\u0301\u0302 a')
  await marked.leave()

  const nothing = [400, 'the name in the cookie chat_name shows nothing\n']
  assert.deepEqual(await Client.refusal('', named('\u200b')), nothing)
  assert.deepEqual(await Client.refusal('', { Cookie: 'chat_name=%ff' }),
    [400, 'the cookie chat_name is not percent-encoded UTF-8\n'])
  assert.deepEqual(await Client.refusal('?room=%00'), [400, 'the name of the room shows nothing\n'])
  return { ann, cay, other }
}

// Who talks must not be sent away for it, so each has only a few lines to say.
async function history(target) {
  const said = []
  const watch = await Client.open(target)
  await watch.next()
  for (let crowd = 0; crowd < 7; crowd += 1) {
    const client = await Client.open(target, named(`Ann ${crowd}`))
    const { lines } = JSON.parse(await client.next())
    assert.deepEqual(lines, said.slice(-100))
    await watch.expect({ type: 'joined', name: `Ann ${crowd}` })
    for (let i = 0; i < 15; i += 1) {
      client.send(`${i}`)
      said.push(await hear(watch, `Ann ${crowd}`, `${i}`))
    }
    client.socket.terminate()
    await watch.expect({ type: 'left', name: `Ann ${crowd}` })
  }
  assert(said.every(({ at }, i) => i === 0 || at > said[i - 1].at))
  await watch.leave()
  // The room is empty, and remembers; until long lines push out the others.
  const late = await Client.open(target)
  assert.deepEqual(JSON.parse(await late.next()).lines, said.slice(-100))
  for (const letter of 'abcde') {
    const long = await Client.open(target, named(letter))
    await late.expect({ type: 'joined', name: letter })
    for (let i = 0; i < 2; i += 1) {
      const text = `${letter}${'\u{1f600}'.repeat(1999)}`
      long.send(text)
      said.push(await hear(late, letter, text))
    }
    long.socket.terminate()
    await late.expect({ type: 'left', name: letter })
  }
  const last = await Client.open(target)
  assert.deepEqual(JSON.parse(await last.next()).lines, said.slice(-8))
  await Promise.all([late, last].map((client) => client.socket.terminate()))
}

async function chat() {
  const { ann, cay, other } = await names()
  await history('?room=history')

  ann.send(' a\n\tb \u0007c\r\n')
  ann.send(' \u200b ')
  ann.send('\u{1f600}'.repeat(2000))
  ann.send(`a\n\n\n\nb${'\nx'.repeat(40)}`)
  ann.send('y'.repeat(2001))
  for (const client of [ann, other]) {
    await hear(client, 'Ann', 'a\n\tb c')
    await hear(client, 'Ann', '\u{1f600}'.repeat(2000))
    await hear(client, 'Ann', `a\n\nb${'\nx'.repeat(28)}${' x'.repeat(12)}`)
  }
  await ann.expect({ type: 'refused', text: 'a line has at most 2000 characters' })

  other.send(Buffer.from('binary'))
  await other.expectClose(1003, 'lines are text')
  await ann.expect({ type: 'left', name: 'AnN 2' })
  for (let i = 0; i < 60; i += 1) cay.send(`${i}`)
  for (let i = 0; i < 20; i += 1) await hear(cay, 'guest', `${i}`)
  // A slow machine grants a few more.
  let last = await cay.next()
  while (typeof last === 'string') last = await cay.next()
  assert.deepEqual(last, { code: 1008, reason: 'too many lines at once' })

  const crowd = []
  for (let i = 0; i < 200; i += 1) {
    crowd.push(await Client.open('?room=full'))
    await crowd[i].next()
  }
  await (await Client.open('?room=full')).expectClose(1013, 'the room is full')
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
