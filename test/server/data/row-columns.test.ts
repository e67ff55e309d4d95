import { expect, it } from "@jest/globals";
import { onceEachText } from "../../../server/data/row-columns.ts";

/** A Map holds no more keys. */
const mostKeys = 2 ** 24;

it("what is said of texts is asked once each, of more of them than a Map holds, and of an absent one", () => {
  let asked = 0;
  const lengthOf = onceEachText({ texts: { at: (number) => (number < 0 ? "" : "text") } }, (text) => {
    asked++;
    return text.length;
  });
  const count = mostKeys + 2;
  let sum = 0;
  for (let number = -1; number < count; number++) sum += lengthOf(number);
  for (const number of [-1, 0, 1023, 1024, count - 1]) sum += lengthOf(number);
  expect([sum, asked]).toEqual([4 * (count + 4), count + 1]);
});
