// A Node client (package ws) that has everything echoed and compares.
// Usage: node client.mjs WS-MODULE-FOLDER URL deflate|plain SIZE...
// Exits 0 if all came back as it went, compressed or not as was asked for.
import { createHash, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'

const [folder, url, compression, ...sizes] = process.argv.slice(2)
const { WebSocket } = createRequire(`${folder}/`)('ws')

const socket = new WebSocket(url, {
  maxPayload: 0,
  perMessageDeflate: compression === 'deflate' ? { threshold: 0 } : false,
})
const waiting = []
socket.on('message', (data, isBinary) => waiting.shift()({ data, isBinary }))
socket.on('error', fail)
await new Promise((resolve) => socket.on('open', resolve))

const wanted = compression === 'deflate' ? 'permessage-deflate' : ''
if (socket.extensions !== wanted) fail(`the extensions agreed on are "${socket.extensions}"`)

function fail(why) {
  console.error(`client.mjs: ${why}`)
  process.exit(1)
}

const digest = (data) => createHash('sha256').update(data).digest('hex')

async function compare(name, parts, binary) {
  const reply = new Promise((resolve) => waiting.push(resolve))
  parts.forEach((part, at) => socket.send(part, { binary, fin: at === parts.length - 1 }))
  const { data, isBinary } = await reply
  const sent = Buffer.concat(parts)
  if (isBinary !== binary) fail(`${name}: came back as ${isBinary ? 'binary' : 'text'}`)
  if (digest(data) !== digest(sent)) fail(`${name}: ${sent.length} B went, ${data.length} B came`)
}

let messages = 0
for (const size of sizes.map(Number)) {
  const bytes = randomBytes(size)
  const text = Buffer.from('é√𝄞 '.repeat(Math.ceil(size / 10)).slice(0, size))
  await compare(`binary ${size}`, [bytes], true)
  messages += 1
  // UTF-8 takes up to 4 bytes a character: the largest size is for binary messages.
  if (size <= 1 << 20) {
    await compare(`text ${size}`, [text], false)
    messages += 1
  }
  const cuts = [0, 1, Math.floor(size / 3), Math.floor(size / 2), size]
  const parts = cuts.slice(1).map((cut, at) => bytes.subarray(Math.min(cuts[at], cut), cut))
  await compare(`binary ${size} in fragments`, parts, true)
  messages += 1
}
const closed = new Promise((resolve) => socket.on('close', resolve))
socket.close(1000)
if ((await closed) !== 1000) fail('the server did not answer the Close with 1000')
console.log(messages)
