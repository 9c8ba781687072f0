// Sends every message back to its sender: apps/echo, for Node `ws`.
// Usage: node echo.mjs PORT, and then ws://127.0.0.1:PORT/echo
import { WebSocketServer } from 'ws'

const server = new WebSocketServer({
  host: '127.0.0.1', port: Number(process.argv[2]), path: '/echo', perMessageDeflate: true,
})

server.on('connection', (client) => {
  client.on('error', () => {}) // A broken client is closed by then.
  client.on('message', (data, isBinary) => client.send(data, { binary: isBinary }))
})
