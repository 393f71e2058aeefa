/* SPDX-License-Identifier: ISC */
/*
 * A WebSocket for Node.js versions that have none: what holdfast.js uses of
 * one, over http.request()'s upgrade.
 */
"use strict";
const crypto = require("crypto");
const http = require("http");

class ClientSocket {
	constructor(url, protocols) {
		const at = new URL(url);

		this.pending = Buffer.alloc(0);
		this.isClosed = false;
		this.code = 1006;
		this.reason = "";
		this.request = http.request({
			host: at.hostname, port: at.port, agent: false,
			path: at.pathname + at.search,
			headers: {
				Connection: "Upgrade", Upgrade: "websocket",
				"Sec-WebSocket-Version": "13",
				"Sec-WebSocket-Key":
					crypto.randomBytes(16).toString(
						"base64"),
				"Sec-WebSocket-Protocol": protocols.join(", "),
			},
		});
		this.request.on("upgrade", (answer, socket, head) => {
			this.socket = socket;
			socket.setNoDelay(true);
			socket.on("data", (bytes) => this._read(bytes));
			socket.on("error", () => {});
			socket.on("close", () => this._end());
			this.onopen({});
			this._read(head);
		});
		this.request.on("response", (answer) => {
			answer.resume();
			this._end();
		});
		this.request.on("error", () => this._end());
		this.request.end();
	}

	_end() {
		if (this.isClosed)
			return;
		this.isClosed = true;
		if (this.onclose)
			this.onclose({ code: this.code, reason: this.reason,
				wasClean: this.code !== 1006 });
	}

	_frame(opcode, payload) {
		const key = crypto.randomBytes(4);
		const head = payload.length < 126 ?
			Buffer.from([0x80 | opcode, 0x80 | payload.length]) :
			Buffer.from([0x80 | opcode, 0xfe,
				payload.length >> 8, payload.length & 255]);

		this.socket.write(Buffer.concat([head, key,
			payload.map((byte, i) => byte ^ key[i % 4])]));
	}

	_read(bytes) {
		this.pending = Buffer.concat([this.pending, bytes]);
		for (;;) {
			let size = this.pending[1], at = 2;

			if (this.pending.length < 2)
				return;
			if (size === 126) {
				if (this.pending.length < 4)
					return;
				size = this.pending.readUInt16BE(2);
				at = 4;
			}
			if (this.pending.length < at + size)
				return;
			this._take(this.pending[0] & 15,
				this.pending.subarray(at, at + size));
			this.pending = this.pending.subarray(at + size);
		}
	}

	_take(opcode, payload) {
		if (opcode === 1 && this.onmessage)
			this.onmessage({ data: payload.toString() });
		else if (opcode === 9)
			this._frame(10, payload);
		else if (opcode === 8) {
			this.code = payload.length < 2 ? 1005 :
				payload.readUInt16BE(0);
			this.reason = payload.subarray(2).toString();
			this._frame(8, payload);
			this.socket.end();
		}
	}

	send(text) {
		this._frame(1, Buffer.from(text));
	}

	close(code, reason) {
		if (!this.socket) {
			this.request.destroy();
			return;
		}
		this._frame(8, Buffer.concat([
			Buffer.from([code >> 8, code & 255]),
			Buffer.from(reason || "")]));
	}
}

module.exports = ClientSocket;
