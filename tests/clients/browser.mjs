// Headless Chromium: two tabs of the chat page exchange a line each way, a third, on a phone, is told of
// them and remembers the name by its cookie, and a script has messages of all sizes echoed, which the
// browser compresses.
// Usage: node browser.mjs WS-MODULE-FOLDER PAGE-URL SCREENSHOT.png
// Exits 0 if all arrived as it went.
import { start } from './devtools.mjs'

const [folder, page, screenshot] = process.argv.slice(2)
const browser = await start(folder)

function open(name = '') {
  return browser.open(`${page}?${new URLSearchParams({ room: 'smoke', ...(name && { name }) })}`)
}

function say(tab, text) {
  return browser.evaluate(tab, `
    document.getElementById('line').value = ${JSON.stringify(text)};
    document.getElementById('send').click()`)
}

function shows(text) {
  return `document.getElementById('lines').innerText.includes(${JSON.stringify(text)})`
}

const isIn = 'document.getElementById("state")?.dataset.state === "on"'
const anna = await open('Anna')
await browser.until(anna, 'Anna is in', isIn)
const ben = await open('Ben')
await browser.until(ben, 'Ben is in', isIn)
await browser.until(anna, 'Anna sees Ben come in', shows('Ben'))
await say(anna, 'Hello from the first tab: é√𝄞 <b>')
await browser.until(ben, "Ben sees Anna's line", shows('Hello from the first tab: é√𝄞 <b>'))
await say(ben, 'And hello from the second.')
await browser.until(anna, "Anna sees Ben's line", shows('And hello from the second.'))
await browser.shoot(anna, screenshot)
console.log('two tabs exchanged a line each way')

// Nobody asks for a name here: the cookie has the last one.
const phone = await open()
await browser.call('Emulation.setDeviceMetricsOverride',
  { width: 390, height: 844, deviceScaleFactor: 2, mobile: true }, phone)
await browser.until(phone, 'the third tab is in', isIn)
const name = await browser.evaluate(phone, 'document.getElementById("state").innerText')
if (name !== 'Connected as Ben 2') await browser.end(1, `the third tab is ${name}`)
await browser.until(phone, 'the third tab is told what was said',
  `${shows('Hello from the first tab: é√𝄞 <b>')} && ${shows('And hello from the second.')}`)
const overflow = await browser.evaluate(phone, 'document.documentElement.scrollWidth - innerWidth')
if (overflow > 0) await browser.end(1, `the page is ${overflow} px wider than the phone`)
// It comes in anew, and nothing is shown twice.
await browser.evaluate(phone, `
  document.getElementById('change').click()
  document.getElementById('wish').requestSubmit()`)
await browser.until(phone, 'the third tab is in again', `${isIn} && ${shows('You came in')} &&
  document.getElementById('lines').innerText.split('You came in').length === 3`)
const twice = await browser.evaluate(phone,
  'document.getElementById("lines").innerText.split("And hello from the second.").length - 1')
if (twice !== 1) await browser.end(1, `a line is shown ${twice} times`)
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
const result = await browser.evaluate(anna, `(${exchange})(${JSON.stringify(echo)})`)
if (result !== 'ok') await browser.end(1, `echo in the browser: ${result}`)
console.log('22 messages came back to the browser as they went, compressed')
await browser.end(0)
