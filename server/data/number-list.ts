/** Numbers that are added one by one, outside the heap. */
export type NumberList<Numbers extends TypedNumbers = Int32Array> = {
  push(value: number): void;
  at(place: number): number;
  set(place: number, value: number): void;
  readonly length: number;
  all(): Numbers;
};

type TypedNumbers = Int32Array | Uint32Array | Float64Array | Uint8Array;

/** A list of whole numbers, four bytes each. */
export function createNumberList(): NumberList {
  return listIn(new Int32Array(1024));
}

/** A list of scores, eight bytes each. */
export function createScoreList(): NumberList<Float64Array> {
  return listIn(new Float64Array(1024));
}

function listIn<Numbers extends TypedNumbers>(first: Numbers): NumberList<Numbers> {
  let room = first;
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
    all: () => room.subarray(0, length) as Numbers,
  };
}

/** The same numbers with room for `length`; what is added is 0. */
export function widened<Numbers extends TypedNumbers>(numbers: Numbers, length: number): Numbers {
  const wider = new (numbers.constructor as new (length: number) => Numbers)(length);
  wider.set(numbers);
  return wider;
}
