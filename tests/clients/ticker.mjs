// Headless Chromium: the ticker page draws each tick, can be paused and used from the keyboard, draws
// less often for who wants little motion, fits narrow screens, and connects again after an outage.
// Usage: node ticker.mjs WS-MODULE-FOLDER SITE-URL SCREENSHOT-FOLDER
// Exits 0 if all is as it should be. Leaves ticker-NAME.png for phone and desk, light and dark.
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { start } from './devtools.mjs'

const [folder, site, screenshots] = process.argv.slice(2)
const SCREENS = [
  ['phone-light', 390, 844, 'light'],
  ['phone-dark', 390, 844, 'dark'],
  ['desk-light', 1280, 800, 'light'],
  ['desk-dark', 1280, 800, 'dark'],
  ['narrow', 320, 568, 'light'],
]

// Passes connections on to the server, and can fail like a network.
const open = new Set()
const network = createServer((near) => {
  const far = connect(new URL(site).port, '127.0.0.1')
  for (const [from, to] of [[near, far], [far, near]]) {
    open.add(from)
    from.on('error', () => {}).on('close', () => { open.delete(from); to.destroy() }).pipe(to)
  }
})
const listen = (port) => new Promise((resolve) => network.listen(port, '127.0.0.1', resolve))
await listen(0)
const { port } = network.address()

const browser = await start(folder)
const text = (id) => `document.getElementById('${id}').textContent`
const line = "document.getElementById('line').getAttribute('d')"
const isLive = `${text('state')} === 'Live' && (${line} ?? '').length > 1000`
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
async function hold(what, expression) {
  if (!await browser.evaluate(tab, expression)) await browser.end(1, `${what}: not so`)
}
// Counts drawings from now on, in `drawings`.
const count = `drawings = 0; new MutationObserver(() => { drawings += 1 })
  .observe(document.getElementById('line'), { attributes: true })`

const tab = await browser.open('about:blank')
async function look(width, height, scheme, motion = 'no-preference') {
  const metrics = { width, height, deviceScaleFactor: 1, mobile: width < 700 }
  await browser.call('Emulation.setDeviceMetricsOverride', metrics, tab)
  const features = [
    { name: 'prefers-color-scheme', value: scheme },
    { name: 'prefers-reduced-motion', value: motion },
  ]
  await browser.call('Emulation.setEmulatedMedia', { features }, tab)
}
await browser.call('Page.navigate', { url: `http://127.0.0.1:${port}/ticker/` }, tab)
await browser.until(tab, 'the page', "document.readyState === 'complete'")

for (const [name, width, height, scheme] of SCREENS) {
  await look(width, height, scheme)
  await browser.until(tab, `${name}: a live chart`, isLive)
  const root = 'document.documentElement'
  await hold(`${name}: nothing is beyond the edge`, `${root}.scrollWidth <= ${width}`)
  await browser.shoot(tab, join(screenshots, `ticker-${name}.png`))
}

await browser.evaluate(tab, count)
await browser.until(tab, 'each tick is drawn', 'drawings >= 8')
await look(1280, 800, 'light', 'reduce')
await browser.evaluate(tab, 'drawings = 0')
await wait(3000)
await hold('little motion: a drawing a second', 'drawings >= 1 && drawings <= 4')
await look(1280, 800, 'light')

// From the top of the page: the button, then the list, in which arrows choose.
await browser.press(tab, 'Tab', 9)
await hold('Tab reaches the button', "document.activeElement.id === 'pause'")
await browser.press(tab, 'Tab', 9)
await browser.press(tab, 'ArrowDown', 40)
await hold('an arrow chooses the second', `${text('name')} === 'BIRCH'`)

await browser.evaluate(tab, "document.getElementById('pause').click()")
await browser.evaluate(tab, 'drawings = 0')
const shown = `[...document.querySelectorAll('#list path')].map((path) => path.getAttribute('d')).join()`
const frozen = await browser.evaluate(tab, shown)
await wait(1000)
await browser.press(tab, 'ArrowDown', 40)
await hold('a pause', `drawings === 1 && ${text('name')} === 'CEDAR' && ${text('state')} === 'Paused'`)
await hold('what is chosen in a pause is as old', `${shown} === ${JSON.stringify(frozen)}`)
await browser.evaluate(tab, "document.getElementById('pause').click(); drawings = 0")
await browser.until(tab, 'ticks after a pause', `drawings >= 3 && ${shown} !== ${JSON.stringify(frozen)}`)

network.close()
open.forEach((socket) => socket.destroy())
await browser.until(tab, 'an outage', `${text('state')}.startsWith('No connection. Next try in ')`)
const held = await browser.evaluate(tab, text('price'))
await wait(1500)
await hold('the last prices stay', `${text('price')} === '${held}' && !(${isLive})`)
await listen(port)
await browser.evaluate(tab, 'drawings = 0')
await browser.until(tab, 'a new connection', `${isLive} && drawings >= 3`)
await hold('the choice stays', `${text('name')} === 'CEDAR'`)
console.log('the ticker page drew ticks, paused, obeyed the keyboard, and came back after an outage')
await browser.end(0)
