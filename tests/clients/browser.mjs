// Two tabs of the chat page in headless Chromium exchange a line each way, over the DevTools
// protocol. Usage: node browser.mjs WS-MODULE-FOLDER PAGE-URL SCREENSHOT.png
// Exits 0 if both lines arrived. The browser binary may be named by CHROMIUM.
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
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  process.exit(status)
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

async function open(name) {
  const url = `${page}?${new URLSearchParams({ room: 'smoke', name })}`
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
await end(0)
