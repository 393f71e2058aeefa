/* SPDX-License-Identifier: ISC */
/*
 * client_rules.js HOLDFAST_JS: what the reference client promises.
 */
"use strict";
const assert = require("assert");
const { Holdfast, World, run } = require("./client_world.js");

const rules = {
	async "waits twice as long each time, up to a cap"() {
		const world = new World({ base: 100, cap: 1000 });
		const waits = [];

		await world.pass(0);
		for (let i = 0; i < 6; i++) {
			waits.push(await world.end(1006));
			await world.pass(waits[i]);
			assert.strictEqual(world.sockets.length, i + 2);
		}
		assert.deepStrictEqual(waits,
			[100, 200, 400, 800, 1000, 1000]);
	},

	async "jitters around the wait"() {
		const options = { base: 1000, cap: 60000, jitter: 0.2 };
		const near = (wait, whole) =>
			assert(Math.abs(wait - whole) <= whole * 0.2, wait);

		for (let i = 0; i < 1000; i++) {
			near(Holdfast.backoff(options, 0, Math.random()), 1000);
			near(Holdfast.backoff(options, 3, Math.random()), 8000);
			near(Holdfast.backoff(options, 1e9, Math.random()),
				60000);
		}
		assert.strictEqual(Holdfast.backoff(options, 0, 0), 800);
		assert.strictEqual(Holdfast.backoff(options, 0, 1), 1200);
	},

	async "does not call an opening a success"() {
		const world = new World({ base: 100, cap: 5000, stable: 1000 });
		const waits = [];

		for (let i = 0; i < 4; i++) {
			await world.open();
			await world.pass(999);
			waits.push(await world.end(1006));
			await world.pass(waits[i]);
		}
		assert.deepStrictEqual(waits, [100, 200, 400, 800]);
		await world.open();
		await world.pass(1000);
		assert.strictEqual(await world.end(1006), 100);
	},

	async "comes back when a close says"() {
		const world = new World({ base: 100, stable: 1000 });

		world.chance = 1; /* the server has spread them already */
		await world.open();
		await world.pass(1000);
		assert.strictEqual(await world.end(1012,
			"reconnect_ms=4321"), 4321);
		await world.pass(4320);
		assert.strictEqual(world.sockets.length, 1);
		await world.pass(1);
		assert.strictEqual(world.sockets.length, 2);
		/* The end of what lasted, with a hint, is no failure. */
		assert.strictEqual(await world.end(1006), 120);
		await world.pass(120);
		await world.open();
		await world.pass(1000);
		assert.strictEqual(await world.end(1012, "reconnect_ms=0"), 0);
	},

	async "does not take a hint as a licence to hammer"() {
		const world = new World({ base: 100, stable: 1000 });
		const waits = [];

		for (const ms of [0, 0, 50, 5000, 0]) {
			await world.open();
			await world.pass(999);
			waits.push(await world.end(1012, `reconnect_ms=${ms}`));
			assert.strictEqual(world.told.pop().cause, "hint");
			await world.pass(waits[waits.length - 1]);
		}
		assert.deepStrictEqual(waits, [100, 200, 400, 5000, 1600]);
	},

	async "reads hints strictly"() {
		assert.strictEqual(Holdfast.hint("reconnect_ms=0"), 0);
		assert.strictEqual(Holdfast.hint("drain; reconnect_ms=7"), 7);
		assert.strictEqual(Holdfast.hint("reconnect_ms=999999999"),
			3600000);
		for (const text of ["", undefined, "reconnect_ms=",
			"reconnect_ms=-1", "reconnect_ms=1e9", "reconnect_ms=x",
			"xreconnect_ms=5", "reconnect_ms=9999999999"])
			assert.strictEqual(Holdfast.hint(text), undefined);
	},

	async "asks /healthz after a refusal"() {
		const world = new World({ base: 100, jitter: 0.2 });

		world.health = { status: "full", retry_after_ms: 5000 };
		await world.pass(0);
		world.chance = 1; /* the server has spread them already */
		assert.strictEqual(await world.end(1006), 5000);
		assert.strictEqual(world.asked, 1);
		assert.strictEqual(world.told.pop().cause, "retry_after");
		await world.pass(5000);
		world.chance = 0.5;
		world.health = { status: "ok", retry_after_ms: 0 };
		assert.strictEqual(await world.end(1006), 200);
		await world.pass(200);
		for (const nonsense of [null, 7, {}, { retry_after_ms: "x" },
			{ retry_after_ms: -5 }, { retry_after_ms: NaN }]) {
			const attempt = world.client.attempt;

			world.health = nonsense;
			const wait = await world.end(1006);
			assert.strictEqual(wait, Math.min(60000,
				100 * Math.pow(2, attempt)));
			await world.pass(wait);
		}
	},

	async "waits the longer of what it was told and its back-off"() {
		const world = new World({ base: 1000 });

		await world.pass(0);
		for (const [told, wait] of [[3000, 3000], [10, 2000],
			[5000, 5000], [7999.5, 8000], [1, 16000]]) {
			world.health = { retry_after_ms: told };
			assert.strictEqual(await world.end(1006), wait);
			await world.pass(wait);
		}
	},

	async "does not ask after a connection that was open"() {
		const world = new World({ base: 100 });

		await world.open();
		assert.strictEqual(await world.end(1006), 100);
		assert.strictEqual(world.asked, 0);
	},

	async "does not wait for /healthz forever"() {
		const world = new World({ base: 100, healthTimeout: 3000 });

		world.health = "never";
		await world.pass(0);
		assert.strictEqual(await world.end(1006), undefined);
		assert.strictEqual(world.pending, 1);
		await world.pass(3000);
		assert.strictEqual(world.told.pop().kind, "retry");
		assert.strictEqual(world.sockets.length, 2);
		assert.strictEqual(world.pending, 0);
	},

	async "gives up an opening that hangs"() {
		const world = new World({ base: 100, openTimeout: 9000 });

		await world.pass(8999);
		assert.strictEqual(world.sockets[0].closed, undefined);
		await world.pass(1);
		assert.strictEqual(world.sockets[0].closed, 0);
		await world.pass(100);
		assert.strictEqual(world.sockets.length, 2);
		/* What the old one says later is nobody's business. */
		assert.strictEqual(world.sockets[0].onclose, null);
	},

	async "tries soon when the browser is online again"() {
		const listeners = new Set();
		const online = () => listeners.forEach((call) => call());

		globalThis.addEventListener = (name, call) =>
			name === "online" && listeners.add(call);
		globalThis.removeEventListener = (name, call) =>
			name === "online" && listeners.delete(call);
		const world = new World({ base: 1000, jitter: 0 });
		await world.pass(0);
		for (const wait of [1000, 2000, 4000]) {
			assert.strictEqual(await world.end(1006), wait);
			await world.pass(wait);
		}
		assert.strictEqual(await world.end(1006), 8000);
		world.chance = 0.3;
		online();
		assert.strictEqual(world.told.pop().cause, "online");
		await world.pass(299);
		assert.strictEqual(world.sockets.length, 4);
		await world.pass(1);
		assert.strictEqual(world.sockets.length, 5);
		online(); /* it is trying: nothing to hurry */
		assert.strictEqual(world.client.state, "connecting");
		/* A server's word stands, and the attempts were no success. */
		world.health = { retry_after_ms: 20000 };
		assert.strictEqual(await world.end(1006), 20000);
		online();
		await world.pass(19999);
		assert.strictEqual(world.sockets.length, 5);
		world.health = { retry_after_ms: 0 };
		await world.pass(1);
		assert.strictEqual(await world.end(1006), 32000);
		world.client.close();
		assert.strictEqual(listeners.size, 0);
		delete globalThis.addEventListener;
		delete globalThis.removeEventListener;
	},

	async "stays away when it was replaced or kicked"() {
		for (const code of [4001, 4002]) {
			const world = new World({});

			await world.open();
			assert.strictEqual(await world.end(code,
				"reconnect_ms=5"), "end");
			await world.pass(1e9);
			assert.strictEqual(world.sockets.length, 1);
			assert.strictEqual(world.client.state, "ended");
		}
	},

	async "close() is the end, whenever it comes"() {
		let world = new World({});
		world.client.close();
		await world.pass(1e9);
		assert.strictEqual(world.sockets.length, 0);

		world = new World({});
		await world.open();
		world.client.close(3000, "done");
		assert.strictEqual(world.socket.closed, 3000);
		await world.pass(1e9);
		assert.strictEqual(world.sockets.length, 1);
		assert.deepStrictEqual(world.told.pop(),
			{ kind: "end", code: 3000, reason: "done" });

		world = new World({});
		world.health = "never";
		await world.pass(0);
		await world.end(1006);
		assert.strictEqual(world.pending, 1);
		world.client.close();
		assert.strictEqual(world.pending, 0);
		await world.pass(1e9);
		assert.strictEqual(world.sockets.length, 1);
		assert.strictEqual(world.told.pop().kind, "end");

		world = new World({});
		await world.open();
		world.client.onclose = () => world.client.close();
		await world.end(1006);
		await world.pass(1e9);
		assert.strictEqual(world.sockets.length, 1);
	},

	async "sends only on an open connection"() {
		const world = new World({});

		assert.strictEqual(world.client.send("early"), false);
		await world.open();
		assert.strictEqual(world.client.send("now"), true);
		assert.deepStrictEqual(world.socket.sent, ["now"]);
		await world.end(1006);
		assert.strictEqual(world.client.send("late"), false);
	},

	async "says when it has no WebSocket"() {
		assert.throws(() => new Holdfast("ws://host/",
			{ WebSocket: null }), TypeError);
	},
};

run(rules);
