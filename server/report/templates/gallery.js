// Shows misjudged parts a page at a time.
(() => {
  const { make, pictured, score, fillFilter, cardList } = window.deftCards;
  const chosen = {};
  const moved = {};
  let data;
  let cards;

  const section = () => document.querySelector("[data-gallery]");
  const part = (name) => section()?.querySelector(`[data-${name}]`);
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

  const fill = (name, options, fallback) =>
    fillFilter(section(), chosen, name, options, fallback, () => {
      if (name === "iteration") fillAgainst(true);
      show(0);
    });

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

  /** Golden, inspected and difference of a part; `measured` hears what the difference says. */
  const views = ({ row }, measured) =>
    pictured({ name: row.name, golden: row.golden, test: row.test, texts: ["golden", "inspected"] }, measured);

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

  const large = (entry) => {
    const guess = make("p", { class: "guess" });
    const pictures = views(entry, (found) => {
      guess.textContent = `A guess from the pixels, not a finding: ${window.deftDifference.guess(entry.row, found)}.`;
    });
    const rest = data.iterations.map(({ label }, index) => `${label} ${score(entry.row.scores[index])}`).join(", ");
    return { pictures, facts: [...facts(entry), make("p", {}, `scores: ${rest}`), guess] };
  };

  const said = (count, shownText) =>
    `${count} parts of ${chosen.iteration} at threshold ${score(thresholdOf(iterationAt("iteration")))}${count === 0 ? "" : `, the furthest off first; ${shownText}`}.`;

  const show = (page) => cards.show(select(), page);

  const saveList = () => {
    const at = iterationAt("iteration");
    const cell = (value) =>
      `"${String(value ?? "")
        .replace(/^[=+\-@]/, "'$&")
        .replaceAll('"', '""')}"`;
    const lines = select().map(({ row, change }) =>
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
    cards = cardList(
      section(),
      { views, facts, large, said, kind: ({ row }) => (row.defective ? "" : "alarm") },
      cards,
    );
    fillAll();
    section().querySelector('[data-do="list"]').onclick = saveList;
    show();
  };
  start();
  document.addEventListener("report:replaced", start);
  document.addEventListener("report:threshold", ({ detail }) => {
    moved[detail.label] = detail.threshold;
    if (data !== undefined && (detail.label === chosen.iteration || detail.label === chosen.against)) show();
  });
})();
