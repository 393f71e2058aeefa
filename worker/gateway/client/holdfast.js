/* SPDX-License-Identifier: ISC */
/*
 * The reference client of holdfast: a WebSocket that comes back, for browsers
 * and Node.js, without dependencies.  A gateway serves it at /holdfast.js.
 *
 * When thousands lose their connections at once, what keeps the others alive
 * is how these come back.  So: wait base * 2^attempt with jitter, at most cap;
 * come back when the server's close says ("reconnect_ms=N"); after an opening
 * that was refused ask GET /healthz, because browsers do not show the answer
 * to a refused WebSocket; and begin anew with the attempts only after a
 * connection that lasted, since one that is closed as soon as it is open is no
 * success.  What the server says is neither shortened nor spread further, and
 * the back-off still counts where it is longer.
 */
(function (root, make) {
	"use strict";
	if (typeof module === "object" && module.exports)
		module.exports = make(root);
	else
		root.Holdfast = make(root);
})(typeof globalThis === "object" ? globalThis : this, function (root) {
	"use strict";

	const HINT = /(?:^|[ ;,])reconnect_ms=(\d{1,9})(?:$|[ ;,])/;
	const WAIT_MAX = 3600000; /* no server sends anybody away for longer */

	const DEFAULTS = {
		protocols: ["holdfast.v1"], /* "I read hints" */
		base: 1000,
		cap: 60000,
		jitter: 0.2,
		stable: 30000,
		openTimeout: 20000,
		healthTimeout: 5000,
		/* 4001: the same client opened another connection, which would
		 * be closed in its turn; 4002: an operator closed this one. */
		finalCodes: [4001, 4002],
	};

	/*
	 * name: least, most.  A timer that is asked for more than 2^31 - 1 ms
	 * fires at once: a day, doubled by a jitter, is far from that.
	 */
	const DAY = 86400000;
	const LIMITS = {
		base: [1, DAY],
		cap: [1, DAY],
		jitter: [0, 1],
		stable: [0, DAY],
		openTimeout: [1, DAY],
		healthTimeout: [1, DAY],
	};

	/* What is undefined is not given; nonsense would make a tight loop. */
	function checkOptions(defaults, given) {
		const options = Object.assign({}, defaults);

		for (const [name, value] of Object.entries(given || {}))
			if (value !== undefined)
				options[name] = value;
		for (const [name, [least, most]] of Object.entries(LIMITS)) {
			if (typeof options[name] !== "number")
				throw new TypeError(`options.${name}: ` +
					"not a number");
			/* Put so that NaN is outside. */
			if (!(options[name] >= least && options[name] <= most))
				throw new RangeError(`options.${name}: ` +
					`not from ${least} to ${most}`);
		}
		if (!Array.isArray(options.finalCodes))
			throw new TypeError("options.finalCodes: not an array");
		if (typeof options.WebSocket !== "function")
			throw new TypeError("no WebSocket here: " +
				"give one in options.WebSocket");
		return options;
	}

	/* t = base * 2^attempt +- jitter, at most cap (+- jitter). */
	function backoff(options, attempt, random) {
		const whole = Math.min(options.cap,
			options.base * Math.pow(2, Math.min(attempt, 30)));

		return Math.round(whole * (1 + options.jitter *
			(2 * random - 1)));
	}

	/* Milliseconds from the reason of a close, or undefined. */
	function hint(reason) {
		const found = HINT.exec(reason || "");

		return found ? Math.min(Number(found[1]), WAIT_MAX) : undefined;
	}

	function healthUrl(url) {
		const health = new URL(url);

		health.protocol = health.protocol === "wss:" ? "https:" :
			"http:";
		health.pathname = "/healthz";
		health.search = "";
		health.hash = "";
		return health.href;
	}

	/* Before anything is undone: the connection stays what it was. */
	function checkClose(code, reason) {
		if (code !== 1000 && !(Number.isInteger(code) &&
		    code >= 3000 && code <= 4999))
			throw new RangeError(`close code ${code}: ` +
				"1000 or 3000 to 4999");
		if (typeof reason !== "string" ||
		    new TextEncoder().encode(reason).length > 123)
			throw new RangeError("close reason: a string of at " +
				"most 123 bytes");
	}

	class Holdfast {
		constructor(url, options) {
			this.options = checkOptions(Object.assign({
				WebSocket: root.WebSocket,
				fetch: root.fetch && root.fetch.bind(root),
				health: undefined,
				random: Math.random,
				now: Date.now,
				setTimeout: (f, ms) => root.setTimeout(f, ms),
				clearTimeout: (id) => root.clearTimeout(id),
			}, DEFAULTS), options);
			if (this.options.health === undefined)
				this.options.health = healthUrl(url);
			this.url = String(url);
			this.state = "connecting";
			this.attempt = 0;
			this.socket = null;
			this.timer = undefined;
			this.asking = null; /* aborts the fetch of /healthz */
			this.due = undefined; /* of a wait that may be cut */
			this.openedAt = undefined;
			this.onopen = this.onmessage = this.onclose = null;
			this.onretry = this.onend = null;
			this._hurry = () => this._isOnline();
			if (typeof root.addEventListener === "function")
				root.addEventListener("online", this._hurry);
			/* Later, so that handlers can be set first. */
			this._wait(0);
		}

		/* True when the message was handed to an open connection. */
		send(data) {
			if (this.state !== "open")
				return false;
			this.socket.send(data);
			return true;
		}

		/* Ends it for good, or throws as a WebSocket does. */
		close(code = 1000, reason = "") {
			const socket = this.socket;

			checkClose(code, reason);
			if (this.state === "ended")
				return;
			this._detach();
			try {
				if (socket)
					socket.close(code, reason);
			} finally {
				this._end(code, reason);
			}
		}

		_call(handler, argument) {
			if (typeof handler === "function")
				handler.call(this, argument);
		}

		_wait(delay, next) {
			this.due = undefined;
			this.options.clearTimeout(this.timer);
			this.timer = this.options.setTimeout(() => {
				this.timer = undefined;
				(next || (() => this._open()))();
			}, delay);
		}

		_detach() {
			const socket = this.socket;

			this.options.clearTimeout(this.timer);
			this.timer = undefined;
			this.socket = null;
			this._hush();
			if (socket) {
				socket.onopen = socket.onmessage = null;
				socket.onclose = null;
				/* Some clients throw what nobody handles. */
				socket.onerror = () => {};
			}
		}

		_end(code, reason) {
			this.state = "ended";
			if (typeof root.removeEventListener === "function")
				root.removeEventListener("online", this._hurry);
			this._call(this.onend, { code, reason });
		}

		_open() {
			let socket;

			this.state = "connecting";
			this.openedAt = undefined;
			try {
				socket = new this.options.WebSocket(this.url,
					this.options.protocols);
			} catch (error) {
				if (error && error.name === "SyntaxError") {
					/* The URL will not get better. */
					this._end(1006, error.message);
					return;
				}
				this._retry(this._backoff(), "error");
				return;
			}
			this.socket = socket;
			socket.binaryType = "arraybuffer";
			socket.onopen = () => this._opened();
			socket.onmessage = (event) =>
				this._call(this.onmessage, event);
			socket.onerror = () => {};
			socket.onclose = (event) => this._closed(event);
			this._wait(this.options.openTimeout, () => {
				this._detach();
				try {
					socket.close();
				} finally {
					this._refused();
				}
			});
		}

		_opened() {
			this.options.clearTimeout(this.timer);
			this.timer = undefined;
			this.state = "open";
			this.openedAt = this.options.now();
			this._call(this.onopen, { attempt: this.attempt });
		}

		_closed(event) {
			const wasOpen = this.state === "open";
			const code = event.code, reason = event.reason || "";

			this._detach();
			if (!wasOpen) {
				this._refused();
				return;
			}
			this.state = "waiting";
			/* A handler that throws shall not keep us away. */
			try {
				this._call(this.onclose, { code, reason,
					wasClean: event.wasClean });
			} finally {
				if (this.state !== "ended") /* by it */
					this._lost(code, reason);
			}
		}

		_lost(code, reason) {
			const told = hint(reason);
			const isStable = this.options.now() - this.openedAt >=
				this.options.stable;
			let delay = 0;

			if (this.options.finalCodes.includes(code)) {
				this._end(code, reason);
				return;
			}
			if (isStable)
				this.attempt = 0;
			/*
			 * The end of a connection that lasted is no failure
			 * when the server says what comes next.  One that
			 * closes what it has just opened may say 0 each time.
			 */
			if (!isStable || told === undefined)
				delay = this._backoff();
			this._retry(Math.max(delay, told || 0),
				told === undefined ? "closed" : "hint");
		}

		_backoff() {
			return backoff(this.options, this.attempt++,
				this.options.random());
		}

		_retry(delay, cause) {
			this.state = "waiting";
			this._wait(delay);
			if (cause !== "hint" && cause !== "retry_after")
				this.due = this.options.now() + delay;
			this._call(this.onretry, { delay, cause,
				attempt: this.attempt });
		}

		/*
		 * A browser has its network back: what has failed says nothing
		 * any more, unless a server said it.  Within base, since a
		 * whole house or town may be back.
		 */
		_isOnline() {
			const delay = Math.round(this.options.base *
				this.options.random());

			if (this.due - this.options.now() > delay)
				this._retry(delay, "online");
		}

		_hush() {
			if (this.asking)
				this.asking.abort();
			this.asking = null;
		}

		/* The server said no: what does it say of itself? */
		_refused() {
			const least = this._backoff();
			const asked = this.options.now();
			let isOver = false;
			const go = (told) => {
				if (isOver || this.state !== "waiting")
					return;
				isOver = true;
				this._hush();
				this._told(least, told,
					this.options.now() - asked);
			};

			this.state = "waiting";
			if (!this.options.health || !this.options.fetch) {
				go(undefined);
				return;
			}
			this._wait(this.options.healthTimeout, () => go());
			if (typeof root.AbortController === "function")
				this.asking = new root.AbortController();
			/* What go() throws is a handler's, and not caught. */
			this.options.fetch(this.options.health, {
				cache: "no-store", credentials: "omit",
				signal: this.asking ? this.asking.signal : null,
			}).then((answer) => answer.json())
				.then((body) => Number(body.retry_after_ms))
				.catch(() => undefined)
				.then(go);
		}

		/* As told: the server has spread its clients already. */
		_told(least, told, spent) {
			const wait = told > 0 ?
				Math.min(Math.ceil(told), WAIT_MAX) : 0;

			this._retry(Math.max(wait, least - spent),
				told > 0 ? "retry_after" : "refused");
		}
	}

	Holdfast.backoff = backoff;
	Holdfast.hint = hint;
	Holdfast.healthUrl = healthUrl;
	return Holdfast;
});
