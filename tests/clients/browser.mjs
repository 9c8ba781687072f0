// Headless Chromium, over the DevTools protocol: two tabs of the chat page exchange a line each way,
// a third, on a phone, is told of them and remembers the name by its cookie, and a script has messages of all sizes echoed, which the browser compresses.
// Usage: node browser.mjs WS-MODULE-FOLDER PAGE-URL SCREENSHOT.png
// Exits 0 if all arrived as it went. The browser binary may be named by CHROMIUM.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PATIENCE_MS = 30_000
const [folder, page, screenshot] = process.argv.slice(2)
const { WebSocket } = createRequire(`${folder}/`)('ws')

const profile = mkdtempSync(join(tmpdir(), 'ringsocket-chromium-'))
const browser = spawn(process.env.CHROMIUM ?? 'chromium', [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--disable-dev-shm-usage', '--window-size=900,640', '--remote-debugging-port=0',
  `--user-data-dir=${profile}`, 'about:blank',
], { stdio: ['ignore', 'ignore', 'pipe'] })
const gone = new Promise((resolve) => browser.on('exit', resolve))

let said = ''
let isEnding = false
async function end(status, why) {
  isEnding = true
  if (why) console.error(`browser.mjs: ${why}\n${status ? said.slice(-2000) : ''}`)
  browser.kill()
  await gone
  await removeProfile()
  process.exit(status)
}
// The browser's other processes outlive it for a moment, and may still write there.
async function removeProfile() {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return rmSync(profile, { recursive: true, force: true })
    } catch (error) {
      if (attempt === 50) return console.error(`browser.mjs: left behind: ${error.message}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
setTimeout(() => end(1, 'out of patience'), 4 * PATIENCE_MS).unref()
process.on('unhandledRejection', (error) => end(1, error.stack))
browser.on('error', (error) => end(1, error.message))
browser.on('exit', () => { if (!isEnding) end(1, 'the browser ended by itself') })

const address = await new Promise((resolve) => {
  browser.stderr.on('data', (data) => {
    said += data
    const match = said.match(/DevTools listening on (\S+)/)
    if (match) resolve(match[1])
  })
})
const devtools = new WebSocket(address, { perMessageDeflate: false, maxPayload: 0 })
await new Promise((resolve, reject) => devtools.on('open', resolve).on('error', reject))

let last = 0
const waiting = new Map()
devtools.on('message', (data) => {
  const { id, result, error } = JSON.parse(data)
  if (!waiting.has(id)) return
  const { resolve, reject } = waiting.get(id)
  waiting.delete(id)
  if (error) reject(new Error(error.message))
  else resolve(result)
})

function call(method, params = {}, sessionId = undefined) {
  last += 1
  devtools.send(JSON.stringify({ id: last, method, params, sessionId }))
  return new Promise((resolve, reject) => waiting.set(last, { resolve, reject }))
}

async function open(name = '') {
  const url = `${page}?${new URLSearchParams({ room: 'smoke', ...(name && { name }) })}`
  const { targetId } = await call('Target.createTarget', { url })
  const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true })
  return sessionId
}

async function evaluate(tab, expression) {
  const { result, exceptionDetails } = await call('Runtime.evaluate', { expression }, tab)
  if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.text}`)
  return result.value
}

async function until(tab, what, expression) {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    if (await evaluate(tab, expression)) return
    if (Date.now() > deadline) {
      const text = await evaluate(tab, 'document.body.innerText')
      await end(1, `${what}: not seen; the page shows:\n${text}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function say(tab, text) {
  return evaluate(tab, `
    document.getElementById('line').value = ${JSON.stringify(text)};
    document.getElementById('send').click()`)
}

function shows(text) {
  return `document.getElementById('lines').innerText.includes(${JSON.stringify(text)})`
}

const isIn = 'document.getElementById("state")?.dataset.state === "on"'
const anna = await open('Anna')
await until(anna, 'Anna is in', isIn)
const ben = await open('Ben')
await until(ben, 'Ben is in', isIn)
await until(anna, 'Anna sees Ben come in', shows('Ben'))
await say(anna, 'Hello from the first tab: é√𝄞 <b>')
await until(ben, "Ben sees Anna's line", shows('Hello from the first tab: é√𝄞 <b>'))
await say(ben, 'And hello from the second.')
await until(anna, "Anna sees Ben's line", shows('And hello from the second.'))
const { data } = await call('Page.captureScreenshot', { format: 'png' }, anna)
writeFileSync(screenshot, Buffer.from(data, 'base64'))
console.log('two tabs exchanged a line each way')

// Nobody asks for a name here: the cookie has the last one.
const phone = await open()
await call('Emulation.setDeviceMetricsOverride',
  { width: 390, height: 844, deviceScaleFactor: 2, mobile: true }, phone)
await until(phone, 'the third tab is in', isIn)
const name = await evaluate(phone, 'document.getElementById("state").innerText')
if (name !== 'Connected as Ben 2') await end(1, `the third tab is ${name}`)
await until(phone, 'the third tab is told what was said',
  `${shows('Hello from the first tab: é√𝄞 <b>')} && ${shows('And hello from the second.')}`)
const overflow = await evaluate(phone, 'document.documentElement.scrollWidth - innerWidth')
if (overflow > 0) await end(1, `the page is ${overflow} px wider than the phone`)
// It comes in anew, and nothing is shown twice.
await evaluate(phone, `
  document.getElementById('change').click()
  document.getElementById('wish').requestSubmit()`)
await until(phone, 'the third tab is in again', `${isIn} && ${shows('You came in')} &&
  document.getElementById('lines').innerText.split('You came in').length === 3`)
const twice = await evaluate(phone,
  'document.getElementById("lines").innerText.split("And hello from the second.").length - 1')
if (twice !== 1) await end(1, `a line is shown ${twice} times`)
console.log('a third one was told what had been said')

// Runs in the page.
async function exchange(url) {
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }))
  if (!socket.extensions.startsWith('permessage-deflate')) return `extensions "${socket.extensions}"`
  for (const size of [0, 1, 125, 126, 127, 128, 1024, 65535, 65536, 1 << 20, 4 << 20]) {
    const bytes = Uint8Array.from({ length: size }, (_, at) => (at * at) >> 3)
    const text = 'é√𝄞 '.repeat(size / 16)
    for (const sent of [bytes, text]) {
      const reply = new Promise((resolve) => { socket.onmessage = resolve })
      socket.send(sent)
      const { data } = await reply
      const got = typeof sent === 'string' ? data : new Uint8Array(data)
      const isSame = got.length === sent.length
        && (typeof sent === 'string' ? got === sent : got.every((byte, at) => byte === sent[at]))
      if (!isSame) return `${typeof sent} of ${sent.length} came back as ${got.length}`
    }
  }
  const closed = new Promise((resolve) => { socket.onclose = resolve })
  socket.close(4321, 'ça suffit')
  const { code, wasClean } = await closed
  return code === 4321 && wasClean ? 'ok' : `closed with ${code}, clean: ${wasClean}`
}

const echo = new URL('/echo', page.replace('http', 'ws'))
const expression = `(${exchange})(${JSON.stringify(echo)})`
const { result } = await call('Runtime.evaluate', { expression, awaitPromise: true }, anna)
if (result.value !== 'ok') await end(1, `echo in the browser: ${result.value ?? result.description}`)
console.log('22 messages came back to the browser as they went, compressed')
await end(0)
