/** How far a stream was followed: the time of its last line and how many lines have this very time. */
export type StreamPosition = { since: string; count: number };

const stampLength = 31;
const stampPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z $/;

/** The daemon cuts longer lines into pieces of this size, and stamps each of them. */
const pieceBytes = 16_384;

/** What the docker command itself says on stderr while it follows; no line of the container. */
const commandNoise = /^(?:Error response from daemon|error from daemon in stream|Cannot connect to the Docker daemon)/;

type Message = { readonly text: Buffer; readonly stamp: string | undefined; readonly end: number };

/**
 * Takes the time stamps off one stream of `docker logs --timestamps` and drops what was followed before.
 *
 * A line longer than 16 KiB, such as a progress bar that rewrites itself with CR for an hour, arrives in stamped
 * pieces; they are put together again byte by byte. Only whole messages come out, so that the position after any of
 * them is exact.
 */
export class LogStream {
  readonly #resume: StreamPosition | undefined;
  #position: StreamPosition | undefined;
  #pending: Buffer = Buffer.alloc(0);
  /** Lines with the time of the resume position that were met so far. */
  #seen = 0;

  constructor(resume: StreamPosition | undefined) {
    this.#resume = resume;
    this.#position = resume;
  }

  /** Where a later follow has to go on; undefined before the first line. */
  get position(): StreamPosition | undefined {
    return this.#position;
  }

  /** The new content that is complete with this chunk. */
  push(chunk: Buffer): Buffer[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const out: Buffer[] = [];
    let at = 0;
    for (let found = this.#message(at); found !== undefined; found = this.#message(at)) {
      if (this.#isNew(found)) out.push(found.text);
      at = found.end;
    }
    this.#pending = this.#pending.subarray(at);
    return out;
  }

  /** The last content of a container that has ended: it may end in the middle of a line. */
  end(): Buffer[] {
    const rest = this.#pending;
    this.#pending = Buffer.alloc(0);
    const stamp = stampAt(rest, 0);
    if (stamp === undefined) return [];
    const last: Message = { text: rest.subarray(stampLength), stamp, end: rest.length };
    return this.#isNew(last) ? [last.text] : [];
  }

  /** The message that begins at `at`, or undefined while a part of it is missing. */
  #message(at: number): Message | undefined {
    const data = this.#pending;
    const stamp = stampAt(data, at);
    const begin = stamp === undefined ? at : at + stampLength;
    if (stamp === undefined && data.length - at < stampLength) return undefined;
    const newline = data.indexOf(10, begin);
    for (let cut = begin + pieceBytes; newline === -1 || newline > cut; cut += pieceBytes) {
      if (data.length < cut + stampLength) return undefined;
      if (stampAt(data, cut) !== undefined) return { text: data.subarray(begin, cut), stamp, end: cut };
    }
    return { text: data.subarray(begin, newline + 1), stamp, end: newline + 1 };
  }

  #isNew({ stamp, text }: Message): boolean {
    if (stamp === undefined) return !commandNoise.test(text.toString("latin1", 0, 80));
    const from = this.#resume;
    if (from !== undefined && stamp <= from.since) {
      if (stamp < from.since) return false;
      this.#seen += 1;
      if (this.#seen <= from.count) return false;
    }
    const count = this.#position?.since === stamp ? this.#position.count + 1 : 1;
    this.#position = { since: stamp, count };
    return true;
  }
}

function stampAt(data: Buffer, at: number): string | undefined {
  const text = data.toString("latin1", at, at + stampLength);
  return stampPattern.test(text) ? text.slice(0, -1) : undefined;
}
