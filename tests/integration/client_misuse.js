/* SPDX-License-Identifier: ISC */
/*
 * client_misuse.js HOLDFAST_JS: whatever the program around it does, the
 * reference client neither hammers nor stays away by mistake.
 */
"use strict";
const assert = require("assert");
const { World, run } = require("./client_world.js");

const rules = {
	async "comes back although onclose throws, which is seen"() {
		const world = new World({ base: 100 });

		await world.open();
		world.client.onclose = () => {
			throw new Error("mine");
		};
		await assert.rejects(() => world.end(1006), /mine/);
		await world.pass(100);
		assert.strictEqual(world.sockets.length, 2);

		await world.open();
		await assert.rejects(() => world.end(4001), /mine/);
		assert.strictEqual(world.told.pop().kind, "end");
		assert.strictEqual(world.client.state, "ended");
	},

	async "comes back although onretry throws, which is seen"() {
		const world = new World({ base: 100 });
		const seen = [];
		const see = (error) => seen.push(error.message);

		process.on("unhandledRejection", see);
		world.health = { retry_after_ms: 500 };
		world.client.onretry = () => {
			throw new Error("mine");
		};
		await world.pass(0);
		await world.end(1006);
		await world.pass(1000);
		process.off("unhandledRejection", see);
		assert.strictEqual(world.sockets.length, 2);
		assert.deepStrictEqual(seen, ["mine"]);
	},

	async "stays as it is when it cannot be closed like that"() {
		const world = new World({});

		await world.open();
		for (const code of [0, 999, 1001, 1005, 2999, 5000, -1, 3000.5,
			NaN, Infinity, "1000", null])
			assert.throws(() => world.client.close(code),
				RangeError);
		for (const reason of ["x".repeat(124), "\u20ac".repeat(42), 7])
			assert.throws(() => world.client.close(1000, reason),
				RangeError);
		assert.strictEqual(world.client.state, "open");
		assert.strictEqual(world.client.send("still here"), true);
		world.client.close(4999, "\u20ac".repeat(41));
		assert.strictEqual(world.socket.closed, 4999);
		assert.strictEqual(world.told.pop().kind, "end");
		assert.throws(() => world.client.close(1001), RangeError);
	},

	async "ends although its socket cannot be closed"() {
		const world = new World({});

		await world.open();
		world.socket.close = () => {
			throw new Error("broken");
		};
		assert.throws(() => world.client.close(), /broken/);
		assert.strictEqual(world.told.pop().kind, "end");
		assert.strictEqual(world.client.send("x"), false);
	},

	async "takes an option that is undefined as not given"() {
		const world = new World({ base: undefined, cap: undefined,
			jitter: undefined, stable: undefined,
			health: undefined, protocols: undefined,
			openTimeout: undefined, finalCodes: undefined });

		await world.pass(0);
		assert.deepStrictEqual(world.socket.protocols,
			["holdfast.v1"]);
		assert.strictEqual(await world.end(1006), 1000);
		assert.strictEqual(world.asked, 1);
	},

	async "refuses options that make no sense"() {
		for (const name of ["base", "cap", "jitter", "stable",
			"openTimeout", "healthTimeout"]) {
			for (const value of [NaN, Infinity, -Infinity, -1,
				Math.pow(2, 31)])
				assert.throws(() => new World(
					{ [name]: value }), RangeError);
			for (const value of [null, "1000", {}, true])
				assert.throws(() => new World(
					{ [name]: value }), TypeError);
		}
		for (const name of ["base", "cap", "openTimeout"])
			assert.throws(() => new World({ [name]: 0 }),
				RangeError);
		assert.throws(() => new World({ jitter: 1.01 }), RangeError);
		assert.throws(() => new World({ finalCodes: 4001 }), TypeError);
		assert.strictEqual(new World(null).client.options.base, 1000);
	},
};

run(rules);
