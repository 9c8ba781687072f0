// Simulated prices for everybody, four times a second: apps/ticker, for Node `ws`. What clients
// receive is described there.
// Usage: node ticker.mjs PORT, and then ws://127.0.0.1:PORT/ticker
import { WebSocketServer } from 'ws'

const TICK_MS = 250
const HISTORY = 240
const DRAW = 0.004
// Name, price in hundredths to which it is drawn back, standard deviation of a tick in millionths.
const STOCKS = [
  ['ASH', 10_400, 900],
  ['BIRCH', 5_120, 1_400],
  ['CEDAR', 23_875, 600],
  ['ELM', 1_860, 2_200],
  ['OAK', 41_250, 1_100],
]
const symbols = STOCKS.map(([symbol]) => symbol)

// Nearly a standard normal deviate: the sum of twelve uniform ones.
function normal() {
  let sum = -6
  for (let i = 0; i < 12; i += 1) sum += Math.random()
  return sum
}

const ticks = [STOCKS.map(([, price]) => price)]
let number = 0

function step() {
  const prices = ticks.at(-1).map((now, i) => {
    const [, home, wildness] = STOCKS[i]
    const pushed = now * (wildness / 1e6) * normal()
    return Math.max(1, Math.round(now + (home - now) * DRAW + pushed))
  })
  if (ticks.length === HISTORY) ticks.shift()
  ticks.push(prices)
  number += 1
}
for (let i = 1; i < HISTORY; i += 1) step()

const server = new WebSocketServer({
  host: '127.0.0.1', port: Number(process.argv[2]), path: '/ticker', perMessageDeflate: true,
})
const clients = new Set()
let timer

function tick() {
  step()
  const text = JSON.stringify({ type: 'tick', number, prices: ticks.at(-1) })
  for (const client of clients) client.send(text)
}

server.on('connection', (client) => {
  clients.add(client)
  if (clients.size === 1) timer = setInterval(tick, TICK_MS)
  const first = number + 1 - ticks.length
  client.send(JSON.stringify({ type: 'market', every_ms: TICK_MS, symbols, first, ticks }))

  client.on('error', () => {}) // A broken client is closed by then.
  client.on('message', () => client.close(1008, 'nothing is for sale here'))
  client.on('close', () => {
    clients.delete(client)
    if (clients.size === 0) clearInterval(timer)
  })
})
