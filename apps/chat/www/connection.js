// A WebSocket that comes back: connects again when it is lost, later and later while that fails.
// Knows nothing of what is said over it.

const RETRY_FIRST_MS = 500;      // longest first wait before connecting again; then doubled
const RETRY_MAX_MS = 30000;
const STEADY_MS = 10000;         // a connection that lasted this long starts the count anew
const SENT_AWAY = [1003, 1008];  // closed for something that we did: doing it again helps nobody

export class Connection {
  #handlers;
  #url = '';
  #socket = null;
  #attempts = 0;
  #retryTimer = 0;
  #tickTimer = 0;

  // Calls connecting(), message(data), lost(event, isFinal) and waiting(seconds), every second.
  constructor(handlers) {
    this.#handlers = handlers;
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  // Whether there is a connection, or will be.
  get isWanted() {
    return Boolean(this.#socket || this.#retryTimer);
  }

  // Connects there, in place of any other connection.
  open(url) {
    this.#url = url;
    this.#attempts = 0;
    this.connect();
  }

  connect() {
    this.#stopWaiting();
    const old = this.#socket;
    this.#handlers.connecting();
    const socket = new WebSocket(this.#url);
    let openedAt = 0;
    this.#socket = socket;
    old?.close(1000);
    socket.onopen = () => { openedAt = Date.now(); };
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#handlers.message(event.data);
    };
    socket.onclose = (event) => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      if (openedAt && Date.now() - openedAt > STEADY_MS) this.#attempts = 0;
      const isFinal = SENT_AWAY.includes(event.code);
      this.#handlers.lost(event, isFinal);
      if (!isFinal) this.#retryLater();
    };
  }

  send(text) {
    this.#socket.send(text);
  }

  // The network or the person is back: no need to wait any longer.
  hurry() {
    if (this.#retryTimer && !document.hidden) this.connect();
  }

  // Waits between half and all of a time that doubles with each failure, so that the clients of a
  // server that comes back do not all arrive at the same moment.
  #retryLater() {
    const longest = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** this.#attempts);
    this.#attempts = Math.min(this.#attempts + 1, 16);
    const wait = longest * (0.5 + Math.random() / 2);
    const at = Date.now() + wait;
    const tick = () => this.#handlers.waiting(Math.max(1, Math.ceil((at - Date.now()) / 1000)));
    tick();
    this.#tickTimer = setInterval(tick, 1000);
    this.#retryTimer = setTimeout(() => this.connect(), wait);
  }

  #stopWaiting() {
    clearTimeout(this.#retryTimer);
    clearInterval(this.#tickTimer);
    this.#retryTimer = 0;
    this.#tickTimer = 0;
  }
}
