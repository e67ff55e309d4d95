/**
 * What a file or answer that somebody else wrote may ask of the server, and why so much; references/hostile-input.md
 * lists them for readers. Beyond a limit the answer is the refusal that an unreadable file or broken text gets.
 */
export const limits = {
  /** Specs, logs and states have a few; what grows with the rows is read by pieces. A JavaScript string ends at 512 MiB. */
  text_bytes: 256 << 20,
  /** Twice what the largest image that is decoded (64 megapixels) fills as a PNG that does not shrink. */
  image_bytes: 256 << 20,
  /** Distinct paths and names of one table: ten million rows have some 500 MB. */
  table_text_bytes: 2 ** 31,
  /** One JSON text: state and log lines stay below a megabyte, a recorded output below 32. */
  json_characters: 64 << 20,
  /** Records of the loop, TAO and OSMO nest below 10; recursive code that gets them overflows at some thousand. */
  json_depth: 100,
} as const;
