/* SPDX-License-Identifier: ISC */
/* The types of holdfast.js; times are in milliseconds. */

export = Holdfast;
export as namespace Holdfast;

declare class Holdfast {
	/**
	 * Connects as soon as the caller has returned to its event loop.
	 * TypeError or RangeError: the URL or an option makes no sense.
	 */
	constructor(url: string | URL, options?: Partial<Holdfast.Options>);

	readonly url: string;
	readonly state: "connecting" | "open" | "waiting" | "ended";
	/** Failures since the last connection that was stable. */
	readonly attempt: number;

	onopen: ((event: { attempt: number }) => void) | null;
	onmessage: ((event: { data: string | ArrayBuffer }) => void) | null;
	/**
	 * A connection that was open has ended.  What follows is onend when
	 * the code is one of finalCodes, or onretry.
	 */
	onclose: ((event: Holdfast.Closed & { wasClean: boolean }) => void)
		| null;
	/** The next attempt has been planned. */
	onretry: ((event: Holdfast.Retry) => void) | null;
	/** It does not come back: close(), or one of finalCodes. */
	onend: ((event: Holdfast.Closed) => void) | null;

	/** False when there is no open connection: the message is not sent. */
	send(data: string | ArrayBuffer | ArrayBufferView | Blob): boolean;
	/**
	 * Ends it for good.  RangeError, and nothing has changed: a code that
	 * is not 1000 or 3000 to 4999, or a reason above 123 bytes of UTF-8.
	 */
	close(code?: number, reason?: string): void;

	static backoff(options: { base: number, cap: number, jitter: number },
		attempt: number, random: number): number;
	static hint(reason: string | undefined): number | undefined;
	static healthUrl(url: string | URL): string;
}

declare namespace Holdfast {
	interface Closed {
		code: number;
		reason: string;
	}

	interface Retry {
		delay: number;
		attempt: number;
		/**
		 * What the delay is for: a close or /healthz said so, or an
		 * end, a refusal or an error; online: the browser is again.
		 */
		cause: "hint" | "closed" | "refused" | "retry_after" | "error" |
			"online";
	}

	/**
	 * An option that is undefined is not given.  A number that makes no
	 * sense is a RangeError, another type a TypeError; no time may be
	 * above a day, or below 1 ms (stable: 0).
	 */
	interface Options {
		/** For programs without a global one (Node.js before 22). */
		WebSocket: new (url: string, protocols: string[]) => any;
		/** For programs without a global one: nothing asks /healthz. */
		fetch: (url: string, init: object) => Promise<{
			json(): Promise<any> }>;
		/** ["holdfast.v1"]: "I read hints". */
		protocols: string[];
		/** 1000: t = base * 2^attempt, at most cap, +- jitter. */
		base: number;
		/** 60000: the longest back-off, before its jitter. */
		cap: number;
		/** 0.2: a part of t, from 0 to 1. */
		jitter: number;
		/** 30000: a connection that lasted so long ends a back-off. */
		stable: number;
		/** 20000: how long an opening may take. */
		openTimeout: number;
		/** 5000: how long GET /healthz may take. */
		healthTimeout: number;
		/** Asked after a refusal; false: nothing.  /healthz there. */
		health: string | false;
		/** [4001, 4002]: it does not come back after these codes. */
		finalCodes: number[];
		/* For tests. */
		random: () => number;
		now: () => number;
		setTimeout: (call: () => void, delay: number) => any;
		clearTimeout: (timer: any) => void;
	}
}
