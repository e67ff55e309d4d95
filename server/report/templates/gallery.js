// Shows misjudged parts a page at a time. Pictures are decoded when they are shown; differences are drawn here.
(() => {
  const perPage = 24;
  const chosen = {};
  const moved = {};
  let page = 0;
  let data;
  let shown = [];

  const section = () => document.querySelector("[data-gallery]");
  const part = (name) => section()?.querySelector(`[data-${name}]`);
  const score = (value) => (value === null ? "–" : String(Number(value.toPrecision(4))));

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  const isWrong = (row, at, threshold) => row.scores[at] !== null && row.defective !== row.scores[at] > threshold;

  const read = () => {
    const { iterations, rows, texts, pictures } = JSON.parse(part("rows").textContent);
    const named = rows.map(([name, label, board, component, defective, scores, test, golden]) => {
      const shared = { label: texts[label], board: texts[board], component: texts[component] };
      return { name, ...shared, defective: defective === 1, scores, test: pictures[test], golden: pictures[golden] };
    });
    return { iterations, rows: named };
  };

  const thresholdOf = (at) => moved[data.iterations[at].label] ?? data.iterations[at].threshold;
  const iterationAt = (name) => data.iterations.findIndex(({ label }) => label === chosen[name]);

  const kinds = [
    ["wrong", "all misjudged"],
    ["missed", "missed defects"],
    ["alarm", "false alarms"],
    ["broken", "newly wrong"],
    ["still", "still wrong"],
    ["fixed", "fixed"],
  ];

  /** What became of a part against the other iteration: broken, still, fixed, or right in both. */
  const changeOf = (row) => {
    const [now, before] = [iterationAt("iteration"), iterationAt("against")];
    if (row.scores[now] === null) return "right";
    const wrong = isWrong(row, now, thresholdOf(now));
    if (before < 0 || row.scores[before] === null) return wrong ? "wrong" : "right";
    const was = isWrong(row, before, thresholdOf(before));
    return wrong ? (was ? "still" : "broken") : was ? "fixed" : "right";
  };

  const isOfKind = (row, change) => {
    if (chosen.kind === "missed" || chosen.kind === "alarm") {
      return !["right", "fixed"].includes(change) && row.defective === (chosen.kind === "missed");
    }
    if (chosen.kind === "wrong") return !["right", "fixed"].includes(change);
    return change === chosen.kind;
  };

  const select = () => {
    const at = iterationAt("iteration");
    const off = (row) => (row.defective ? -1 : 1) * ((row.scores[at] ?? 0) - thresholdOf(at));
    return data.rows
      .map((row) => ({ row, change: changeOf(row) }))
      .filter(({ row, change }) => isOfKind(row, change))
      .filter(({ row }) => ["label", "board", "component"].every((name) => !chosen[name] || row[name] === chosen[name]))
      .sort((a, b) => b.row.defective - a.row.defective || off(b.row) - off(a.row));
  };

  const fill = (name, options, fallback) => {
    const box = section().querySelector(`[data-filter="${name}"]`);
    box.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
    box.parentElement.hidden = options.length < 2 || (options.length === 2 && options[0][0] === "");
    const values = options.map(([value]) => value);
    if (!values.includes(chosen[name])) chosen[name] = fallback ?? values[0];
    box.value = chosen[name];
    box.onchange = () => {
      chosen[name] = box.value;
      page = 0;
      if (name === "iteration") fillAgainst(true);
      draw();
    };
  };

  const fillAgainst = (anew) => {
    const at = iterationAt("iteration");
    const others = data.iterations.filter((_, index) => index !== at).map(({ label }) => [label, label]);
    if (anew) delete chosen.against;
    fill("against", others, data.iterations[at - 1]?.label);
  };

  const fillAll = () => {
    const labels = data.iterations.map(({ label }) => label);
    const best = document.querySelector("[data-explorer]")?.dataset.explorer;
    fill(
      "iteration",
      labels.map((label) => [label, label]),
      labels.includes(best) ? best : labels.at(-1),
    );
    fillAgainst(false);
    fill("kind", data.iterations.length > 1 ? kinds : kinds.slice(0, 3));
    for (const name of ["label", "board", "component"]) {
      const values = [...new Set(data.rows.map((row) => row[name]))].filter((value) => value !== "").sort();
      fill(name, [["", "all"], ...values.map((value) => [value, value])]);
    }
  };

  const figure = (text, element) => make("span", {}, element, text);

  /** Golden, inspected and difference of a part; `measured` hears what the difference says. */
  const views = (row, measured = () => undefined) => {
    if (row.test === undefined) return [make("span", { class: "absent" }, "its images are not in this page")];
    const image = (src, alt) => make("img", { src, alt, decoding: "async" });
    const test = image(row.test, `inspected image of ${row.name}`);
    if (row.golden === undefined) return [figure("inspected", test)];
    const golden = image(row.golden, `golden image of ${row.name}`);
    const canvas = make("canvas", { role: "img", "aria-label": `difference of ${row.name}` });
    Promise.all([golden.decode(), test.decode()]).then(
      () => measured(window.deftDifference.draw(canvas, golden, test)),
      () => canvas.replaceWith("no difference: an image cannot be decoded"),
    );
    return [figure("golden", golden), figure("inspected", test), figure("difference", canvas)];
  };

  const flags = { broken: "newly wrong", still: "still wrong", fixed: "fixed" };

  const facts = ({ row, change }) => {
    const at = iterationAt("iteration");
    const off = Math.abs((row.scores[at] ?? 0) - thresholdOf(at));
    const verdict = change === "fixed" ? "judged rightly" : row.defective ? "missed" : "false alarm";
    const flag = flags[change] === undefined ? [] : [" ", make("span", { class: "flag" }, flags[change])];
    return [
      make("p", {}, make("strong", {}, `${verdict}: `), make("bdi", {}, row.label), ...flag),
      make("p", {}, make("bdi", {}, [row.name, row.board, row.component].filter((text) => text !== "").join(" · "))),
      make("p", {}, `score ${score(row.scores[at])}, ${score(off)} from the threshold ${score(thresholdOf(at))}`),
    ];
  };

  const card = (entry, at) => {
    const open = make("button", { type: "button", class: "views", title: "Enlarge" });
    open.append(...views(entry.row));
    open.onclick = () => zoom(at);
    return make("li", entry.row.defective ? {} : { class: "alarm" }, open, ...facts(entry));
  };

  const zoom = (at) => {
    const entry = shown[at];
    const box = part("zoom");
    if (entry === undefined) return;
    const guess = make("p", { class: "guess" });
    const pictures = views(entry.row, (found) => {
      guess.textContent = `A guess from the pixels, not a finding: ${window.deftDifference.guess(entry.row, found)}.`;
    });
    const rest = data.iterations.map(({ label }, index) => `${label} ${score(entry.row.scores[index])}`).join(", ");
    const button = (text, run, disabled = false) => {
      const made = make("button", { type: "button" }, text);
      made.disabled = disabled;
      made.onclick = run;
      return made;
    };
    const bar = make(
      "div",
      { class: "bar" },
      button("Previous", () => zoom(at - 1), at === 0),
      button("Next", () => zoom(at + 1), at === shown.length - 1),
      button("Close", () => box.close()),
    );
    box.onkeydown = ({ key }) =>
      key.startsWith("Arrow") && zoom(at + (key === "ArrowLeft" ? -1 : key === "ArrowRight" ? 1 : 0));
    box.replaceChildren(
      bar,
      make("div", { class: "triple" }, ...pictures),
      ...facts(entry),
      make("p", {}, `scores: ${rest}`),
      guess,
    );
    if (!box.open) box.showModal();
  };

  const draw = (all = false) => {
    shown = select();
    const pages = Math.max(1, Math.ceil(shown.length / perPage));
    page = Math.min(page, pages - 1);
    const from = all ? 0 : page * perPage;
    const some = shown.slice(from, all ? shown.length : from + perPage);
    part("parts").replaceChildren(...some.map((entry, index) => card(entry, from + index)));
    const at = iterationAt("iteration");
    part("status").textContent =
      `${shown.length} parts of ${chosen.iteration} at threshold ${score(thresholdOf(at))}${shown.length === 0 ? "" : `, the furthest off first; ${from + 1} to ${from + some.length} are shown`}.`;
    part("pages").textContent = `page ${page + 1} of ${pages}`;
    section().querySelector(".pager").hidden = pages === 1;
    section().querySelector('[data-do="back"]').disabled = page === 0;
    section().querySelector('[data-do="on"]').disabled = page === pages - 1;
  };

  const saveList = () => {
    const at = iterationAt("iteration");
    const cell = (value) =>
      `"${String(value ?? "")
        .replace(/^[=+\-@]/, "'$&")
        .replaceAll('"', '""')}"`;
    const lines = shown.map(({ row, change }) =>
      [row.name, row.label, row.board, row.component, row.defective ? "missed" : "false alarm", row.scores[at], change]
        .map(cell)
        .join(","),
    );
    const text = `part,label,board,component,judged,score,change\n${lines.join("\n")}\n`;
    const link = make("a", {
      href: URL.createObjectURL(new Blob([text], { type: "text/csv" })),
      download: "misjudged.csv",
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  const start = () => {
    if (part("rows") == null) return;
    data = read();
    fillAll();
    const on = (name, run) => {
      section().querySelector(`[data-do="${name}"]`).onclick = run;
    };
    on("back", () => {
      page--;
      draw();
    });
    on("on", () => {
      page++;
      draw();
    });
    on("list", saveList);
    section().querySelector(".filters").hidden = false;
    section().dataset.drawn = "";
    part("list").open = false;
    draw();
  };
  start();
  document.addEventListener("report:replaced", start);
  document.addEventListener("report:threshold", ({ detail }) => {
    moved[detail.label] = detail.threshold;
    if (data !== undefined && (detail.label === chosen.iteration || detail.label === chosen.against)) draw();
  });
  window.addEventListener("beforeprint", () => data !== undefined && draw(true));
  window.addEventListener("afterprint", () => data !== undefined && draw());
})();
