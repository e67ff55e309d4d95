/** Whole numbers, four bytes each, that are added one by one. */
export type NumberList = {
  push(value: number): void;
  at(place: number): number;
  set(place: number, value: number): void;
  readonly length: number;
  all(): Int32Array;
};

export function createNumberList(): NumberList {
  let room = new Int32Array(1024);
  let length = 0;
  return {
    push(value) {
      if (length === room.length) room = widened(room, 2 * length);
      room[length++] = value;
    },
    at: (place) => room[place] as number,
    set(place, value) {
      room[place] = value;
    },
    get length() {
      return length;
    },
    all: () => room.subarray(0, length),
  };
}

/** The same numbers with room for `length`; what is added is 0. */
export function widened(numbers: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const wider = new Int32Array(length);
  wider.set(numbers);
  return wider;
}
