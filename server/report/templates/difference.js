// What a part and its golden image differ in: drawn, measured, and guessed from.
window.deftDifference = (() => {
  const pixelsOf = (image, width, height) => {
    const sheet = Object.assign(document.createElement("canvas"), { width, height });
    const context = sheet.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  };

  /** The mean of `b - a` over all channels, in levels of 255. */
  const shiftOf = (a, b) => {
    let sum = 0;
    for (let at = 0; at < a.length; at++) sum += at % 4 === 3 ? 0 : b[at] - a[at];
    return (4 * sum) / (3 * a.length);
  };

  /**
   * Draws the largest channel difference of each pixel, stretched to white as in server/report/pictures.ts. Measures
   * how much brighter the inspected picture is, and the share of pixels that differ apart from that.
   */
  const draw = (canvas, golden, test) => {
    const { naturalWidth: width, naturalHeight: height } = test;
    const a = pixelsOf(golden, width, height);
    const b = pixelsOf(test, width, height);
    const shift = shiftOf(a.data, b.data);
    const apart = new Uint8Array(width * height);
    let most = 1;
    let changed = 0;
    for (let at = 0; at < apart.length; at++) {
      let beyond = 0;
      for (let channel = 4 * at; channel < 4 * at + 3; channel++) {
        const off = b.data[channel] - a.data[channel];
        apart[at] = Math.max(apart[at], Math.abs(off));
        beyond = Math.max(beyond, Math.abs(off - shift));
      }
      most = Math.max(most, apart[at]);
      if (beyond > 40) changed++;
    }
    for (let at = 0; at < apart.length; at++) b.data.fill((255 * apart[at]) / most, 4 * at, 4 * at + 3);
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").putImageData(b, 0, 0);
    return { shift, changed: changed / apart.length };
  };

  const locally = (defective, changed) => {
    if (defective && changed < 0.005)
      return "hardly a pixel differs: too small or too faint a defect, or a wrong label";
    if (defective) return "the difference is plain: too few training rows that look like it";
    if (changed > 0.2) return "a large part differs: registration, or a golden of something else";
    if (changed < 0.002) return "hardly a pixel differs: the model is unsure for another reason";
    return "a small spot differs on a part labelled good: harmless dirt, or a defect that was labelled good";
  };

  const guess = ({ defective }, { shift, changed }) => {
    const levels = `${Math.abs(Math.round(shift))} of 255 levels ${shift > 0 ? "brighter" : "darker"} than its golden`;
    const exposure = Math.abs(shift) > 12 ? `; it is also ${levels}, so look at the exposure` : "";
    return `${locally(defective, changed)}${exposure} (${(100 * changed).toFixed(1)}% of the pixels differ)`;
  };

  return { draw, guess };
})();
