// Headless Chromium, driven over the DevTools protocol: starts it, opens pages, asks them, and ends
// it. Knows nothing of the pages. The browser binary may be named by CHROMIUM.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PATIENCE_MS = 30_000

// Starts a browser. `folder` is where Node finds `ws`. Whatever goes wrong from here on ends the
// browser and this process with exit status 1.
export async function start(folder) {
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
    if (why) console.error(`devtools.mjs: ${why}\n${status ? said.slice(-2000) : ''}`)
    browser.kill()
    await gone
    await removeFolder(profile)
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
  return new Browser(devtools, end)
}

// The browser's other processes outlive it for a moment, and may still write there.
async function removeFolder(folder) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return rmSync(folder, { recursive: true, force: true })
    } catch (error) {
      if (attempt === 50) return console.error(`devtools.mjs: left behind: ${error.message}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

class Browser {
  #devtools
  #last = 0
  #waiting = new Map()

  constructor(devtools, end) {
    this.#devtools = devtools
    this.end = end
    devtools.on('message', (data) => {
      const { id, result, error } = JSON.parse(data)
      if (!this.#waiting.has(id)) return
      const { resolve, reject } = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error) reject(new Error(error.message))
      else resolve(result)
    })
  }

  // Calls a method of the protocol, of a tab if one is named.
  call(method, params = {}, sessionId = undefined) {
    this.#last += 1
    const id = this.#last
    this.#devtools.send(JSON.stringify({ id, method, params, sessionId }))
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  // Opens a page in a tab of its own.
  async open(url) {
    const { targetId } = await this.call('Target.createTarget', { url })
    const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true })
    return sessionId
  }

  // What an expression comes to in a tab; promises are waited for.
  async evaluate(tab, expression) {
    const params = { expression, awaitPromise: true }
    const { result, exceptionDetails } = await this.call('Runtime.evaluate', params, tab)
    if (exceptionDetails) {
      throw new Error(`${expression}: ${result.description ?? exceptionDetails.text}`)
    }
    return result.value
  }

  // Waits until an expression is true in a tab.
  async until(tab, what, expression) {
    const deadline = Date.now() + PATIENCE_MS
    while (!await this.evaluate(tab, expression)) {
      if (Date.now() > deadline) {
        const text = await this.evaluate(tab, 'document.body.innerText')
        await this.end(1, `${what}: not seen; the page shows:\n${text}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  // Presses and releases a key that types nothing, such as "Tab" or "ArrowDown".
  async press(tab, key, windowsVirtualKeyCode) {
    for (const type of ['rawKeyDown', 'keyUp']) {
      const params = { type, key, code: key, windowsVirtualKeyCode }
      await this.call('Input.dispatchKeyEvent', params, tab)
    }
  }

  // Writes a picture of what a tab shows.
  async shoot(tab, file) {
    const { data } = await this.call('Page.captureScreenshot', { format: 'png' }, tab)
    writeFileSync(file, Buffer.from(data, 'base64'))
  }
}
