// Moves the threshold through the embedded score counts. The arithmetic is that of server/kpi/sweep.ts.
(() => {
  const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

  const pct = (value) => {
    if (!Number.isFinite(value)) return "–";
    const size = Math.abs(value);
    if (size === 0 || size >= 0.1) return `${value.toFixed(2)}%`;
    return `${size >= 0.005 ? value.toFixed(3) : value.toPrecision(2)}%`;
  };

  const score = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "–");

  /** Counts above each candidate threshold, ready for look-up. */
  const tabulate = ({ thresholds, pass, defective, pass_rows, defective_rows }) => {
    const tp = [];
    const fp = [];
    let flaggedDefective = defective_rows;
    let flaggedPass = pass_rows;
    for (let at = 0; at < thresholds.length; at++) {
      flaggedDefective -= defective[at];
      flaggedPass -= pass[at];
      tp.push(flaggedDefective);
      fp.push(flaggedPass);
    }
    return { thresholds, tp, fp, pass_rows, defective_rows };
  };

  const pointAt = (table, at) => {
    const tp = table.tp[at];
    const fp = table.fp[at];
    const tn = table.pass_rows - fp;
    const fn = table.defective_rows - tp;
    const precision = tp / (tp + fp);
    const recall = tp / table.defective_rows;
    const f1 = (2 * precision * recall) / (precision + recall);
    return { threshold: table.thresholds[at], tp, fp, tn, fn, precision, recall, f1, far: fp / table.pass_rows };
  };

  /** The candidate that flags the same parts as `threshold`: the highest one that is not above it. */
  const candidateOf = (table, threshold) => {
    let low = 0;
    let high = table.thresholds.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (table.thresholds[middle] <= threshold) low = middle;
      else high = middle - 1;
    }
    return low;
  };

  const show = (root, point) => {
    const put = (name, text, value) => {
      const cell = root.querySelector(`[data-out="${name}"]`);
      if (cell === null) return;
      cell.textContent = text;
      if (value !== undefined) cell.dataset.value = String(value);
    };
    put("threshold", score(point.threshold), point.threshold);
    for (const name of ["far", "recall", "precision"]) put(name, pct(100 * point[name]), point[name]);
    put("f1", score(point.f1), point.f1);
    for (const name of ["tp", "fp", "tn", "fn"]) put(name, grouped.format(point[name]));
    moveLine(root.querySelector(".threshold"), point.threshold);
    moveDot(root.querySelector("[data-dot]"), point);
  };

  const moveLine = (line, threshold) => {
    if (line === null) return;
    const { from, to, left, right } = line.dataset;
    const share = Math.min(1, Math.max(0, (threshold - from) / (to - from)));
    line.setAttribute("transform", `translate(${Number(left) + share * (right - left)})`);
  };

  const moveDot = (dot, { far, recall }) => {
    if (dot === null || !Number.isFinite(far) || !Number.isFinite(recall)) return;
    const { left, right, top, bottom } = dot.dataset;
    dot.setAttribute("cx", String(Number(left) + Math.sqrt(far) * (right - left)));
    dot.setAttribute("cy", String(Number(bottom) + recall * (top - bottom)));
  };

  const drag = (root, choose) => {
    const line = root.querySelector(".threshold");
    const svg = line?.closest("svg");
    if (!svg) return;
    svg.classList.add("draggable");
    const follow = (event) => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()).x;
      const { from, to, left, right } = line.dataset;
      choose(Number(from) + ((at - left) / (right - left)) * (to - from));
    };
    svg.addEventListener("pointerdown", (event) => {
      svg.setPointerCapture(event.pointerId);
      follow(event);
    });
    svg.addEventListener("pointermove", (event) => {
      if (svg.hasPointerCapture(event.pointerId)) follow(event);
    });
  };

  const explore = (root) => {
    const counts = JSON.parse(root.querySelector("[data-counts]").textContent);
    const table = tabulate(counts);
    const input = (name) => root.querySelector(`[data-in="${name}"]`);
    const [slider, number, reset] = [input("slider"), input("number"), input("reset")];
    const settle = (at) => {
      const point = pointAt(table, at);
      slider.value = String(at);
      number.value = String(point.threshold);
      const figures = `FAR ${pct(100 * point.far)}, recall ${pct(100 * point.recall)}`;
      slider.setAttribute("aria-valuetext", `${score(point.threshold)}: ${figures}`);
      show(root, point);
      const detail = { label: root.dataset.explorer, threshold: point.threshold };
      document.dispatchEvent(new CustomEvent("report:threshold", { detail }));
    };
    const choose = (threshold) => settle(candidateOf(table, threshold));
    slider.value = String(candidateOf(table, counts.threshold));
    slider.addEventListener("input", () => settle(Number(slider.value)));
    number.addEventListener("change", () => number.value !== "" && choose(Number(number.value)));
    reset.addEventListener("click", () => choose(counts.threshold));
    drag(root, choose);
    slider.closest(".controls").hidden = false;
  };

  const start = () => {
    for (const root of document.querySelectorAll("[data-explorer]")) explore(root);
  };
  start();
  document.addEventListener("report:replaced", start);
  window.addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll("details.notice")) fold.open = true;
  });
})();
