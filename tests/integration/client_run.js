/* SPDX-License-Identifier: ISC */
/*
 * client_run.js HOLDFAST_JS URL OPTIONS: a reference client that tells each of
 * its events in a line of JSON, sends the lines that it reads, and ends with
 * its input.
 */
"use strict";
const readline = require("readline");
const Holdfast = require(process.argv[2]);
const options = JSON.parse(process.argv[4]);
const tell = (kind) => (event) => console.log(JSON.stringify(
	Object.assign({ kind }, event,
		event.data === undefined ? {} : { data: event.data })));

options.WebSocket = require("./client_socket.js");
const client = new Holdfast(process.argv[3], options);
for (const kind of ["open", "message", "close", "retry", "end"])
	client["on" + kind] = tell(kind);
const input = readline.createInterface({ input: process.stdin });
input.on("line", (line) => client.send(line));
input.on("close", () => client.close());
