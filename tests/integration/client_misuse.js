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
};

run(rules);
