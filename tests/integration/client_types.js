/* SPDX-License-Identifier: ISC */
/*
 * client_types.js HOLDFAST_JS HOLDFAST_D_TS: the types name what the client
 * has, and all of it.  No compiler: a build has none.
 */
"use strict";
const assert = require("assert");
const fs = require("fs");
const { Holdfast, World, run } = require("./client_world.js");

const types = fs.readFileSync(process.argv[3], "utf8");
const client = new World({}).client;
const isPublic = (name) => !name.startsWith("_") && name !== "constructor";
/* The rest of the instance is nobody's business. */
const inside = ["options", "socket", "timer", "asking", "due", "openedAt"];

/* The text between the braces after a heading. */
function body(heading) {
	const from = types.indexOf(heading + " {");
	const indent = /\t*$/.exec(types.slice(0, from))[0];

	assert(from >= 0, heading);
	return types.slice(from, types.indexOf(`\n${indent}}\n`, from));
}

/* The names that match at the beginnings of its lines. */
function names(text, pattern) {
	return [...text.matchAll(pattern)].map((found) => found[1]).sort();
}

const rules = {
	async "members"() {
		const text = body("declare class Holdfast");

		assert.deepStrictEqual(names(text, /^\t(\w+)\(/gm),
			["constructor"].concat(Object.getOwnPropertyNames(
				Holdfast.prototype).filter(isPublic)).sort());
		assert.deepStrictEqual(names(text, /^\tstatic (\w+)\(/gm),
			Object.keys(Holdfast).sort());
		assert.deepStrictEqual(
			names(text, /^\t(?:readonly )?(\w+):/gm),
			Object.keys(client).filter((name) => isPublic(name) &&
				!inside.includes(name)).sort());
	},

	async "options, and their defaults"() {
		const text = body("interface Options");
		const told = [...text.matchAll(
			/\/\*\* ([^:\s]+): .*\n\t*(\w+): number;/g)];

		assert.deepStrictEqual(names(text, /^\t\t(\w+):/gm),
			Object.keys(client.options).sort());
		assert.strictEqual(told.length, 6);
		for (const [, value, name] of told)
			assert.strictEqual(Number(value), client.options[name]);
		assert(text.includes(`[${client.options.finalCodes
			.join(", ")}]: `));
	},

	async "causes of a retry"() {
		const source = fs.readFileSync(process.argv[2], "utf8");
		const used = [...source.matchAll(/\._retry\([^;]*;/g)].flatMap(
			(call) => names(call[0], /"(\w+)"/g));
		const text = body("interface Retry");
		const union = /cause: ([^;]*);/.exec(text)[1];

		assert.deepStrictEqual(names(union, /"(\w+)"/g),
			[...new Set(used)].sort());
	},
};

run(rules);
