/* SPDX-License-Identifier: ISC */
/*
 * What the rules of the reference client are tried in: a socket, a clock, a
 * /healthz and chance that the test plays itself.
 */
"use strict";
const assert = require("assert");
const Holdfast = require(process.argv[2]);

/* A world: time stands still until it is moved on. */
class World {
	constructor(options) {
		const world = this;

		this.time = 0;
		this.timers = [];
		this.sockets = [];
		this.told = [];
		this.health = undefined; /* what /healthz says */
		this.asked = 0;
		this.pending = 0; /* fetches that hang */
		this.chance = 0.5;
		class Socket {
			constructor(url, protocols) {
				Object.assign(this, { url, protocols });
				this.sent = [];
				world.sockets.push(this);
			}
			send(data) {
				this.sent.push(data);
			}
			/* As browsers do. */
			close(code = 0, reason = "") {
				if (code !== 0 && code !== 1000 &&
				    !(code >= 3000 && code <= 4999))
					throw new Error("InvalidAccessError");
				if (Buffer.byteLength(reason) > 123)
					throw new Error("SyntaxError");
				this.closed = code;
			}
		}
		this.client = new Holdfast("wss://host:1/ws?client_id=a",
			Object.assign({
				WebSocket: Socket,
				fetch: (url, init) => this.fetch(url, init),
				random: () => this.chance,
				now: () => this.time,
				setTimeout: (call, delay) => {
					const timer = { call,
						at: this.time + delay };

					this.timers.push(timer);
					return timer;
				},
				clearTimeout: (timer) => {
					this.timers = this.timers.filter(
						(other) => other !== timer);
				},
			}, options));
		for (const kind of ["open", "close", "retry", "end"])
			this.client["on" + kind] = (event) =>
				this.told.push(Object.assign({ kind }, event));
	}

	async fetch(url, init) {
		assert.strictEqual(url, "https://host:1/healthz");
		this.asked++;
		if (this.health === "never") {
			this.pending++;
			return new Promise((done, fail) =>
				init.signal.addEventListener("abort", () => {
					this.pending--;
					fail(new Error("aborted"));
				}));
		}
		if (this.health === undefined)
			throw new TypeError("no network");
		return { json: async () => this.health };
	}

	/* Promises first, then what is due. */
	async pass(ms) {
		const until = this.time + ms;

		for (;;) {
			await new Promise((done) => setImmediate(done));
			const due = this.timers.filter((t) => t.at <= until)
				.sort((a, b) => a.at - b.at)[0];
			if (!due)
				break;
			this.time = Math.max(this.time, due.at);
			this.timers = this.timers.filter((t) => t !== due);
			due.call();
		}
		this.time = until;
	}

	get socket() {
		return this.sockets[this.sockets.length - 1];
	}

	async open() {
		await this.pass(0);
		this.socket.onopen({});
	}

	/* The delay that was planned after the socket's end. */
	async end(code, reason) {
		this.socket.onclose({ code, reason, wasClean: code !== 1006 });
		await this.pass(0);
		const last = this.told[this.told.length - 1] ||
			{};

		return last.kind === "retry" ? last.delay : last.kind;
	}
}

/* Tells which rules are broken, and how many there are. */
async function run(rules) {
	for (const [name, rule] of Object.entries(rules)) {
		try {
			await rule();
		} catch (error) {
			console.log(`${name}: ${error.stack}`);
			process.exitCode = 1;
		}
	}
	console.log(Object.keys(rules).length + " rules");
}

module.exports = { Holdfast, World, run };
