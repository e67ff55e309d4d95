// Lists of pictures as cards, a page at a time, and the dialog in which one card is seen large. Pictures are decoded when
// they are shown; differences are drawn here.
window.deftCards = (() => {
  const perPage = 24;

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  const score = (value) => (value === null ? "–" : String(Number(value.toPrecision(4))));

  const figure = (text, element) => make("span", {}, element, text);
  const image = (src, alt) => make("img", { src, alt, decoding: "async" });

  /** Golden, test and their difference; `measured` hears what the difference says. */
  const pictured = ({ name, golden, test, texts: [goldenText, testText] }, measured = () => undefined) => {
    if (test === undefined) return [make("span", { class: "absent" }, "its images are not in this page")];
    const tested = image(test, `${testText} image of ${name}`);
    if (golden === undefined) return [figure(testText, tested)];
    const reference = image(golden, `${goldenText} image of ${name}`);
    const canvas = make("canvas", { role: "img", "aria-label": `difference of ${name}` });
    Promise.all([reference.decode(), tested.decode()]).then(
      () => measured(window.deftDifference.draw(canvas, reference, tested)),
      () => canvas.replaceWith("no difference: an image cannot be decoded"),
    );
    return [figure(goldenText, reference), figure(testText, tested), figure("difference", canvas)];
  };

  /** Options of a select box; `chosen` keeps what stands in it. */
  const fillFilter = (section, chosen, name, options, fallback, onChange) => {
    const box = section.querySelector(`[data-filter="${name}"]`);
    box.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
    box.parentElement.hidden = options.length < 2 || (options.length === 2 && options[0][0] === "");
    const values = options.map(([value]) => value);
    if (!values.includes(chosen[name])) chosen[name] = fallback ?? values[0];
    box.value = chosen[name];
    box.onchange = () => {
      chosen[name] = box.value;
      onChange();
    };
  };

  const button = (text, run, disabled) => {
    const made = make("button", { type: "button" }, text);
    made.disabled = disabled;
    made.onclick = run;
    return made;
  };

  /** Shows one of the entries in the dialog, with ways to its neighbours. */
  const zoom = (box, entries, large, at) => {
    if (entries[at] === undefined) return;
    const to = (other) => zoom(box, entries, large, other);
    const { pictures, facts } = large(entries[at]);
    const bar = make(
      "div",
      { class: "bar" },
      button("Previous", () => to(at - 1), at === 0),
      button("Next", () => to(at + 1), at === entries.length - 1),
      button("Close", () => box.close(), false),
    );
    box.onkeydown = ({ key }) =>
      key.startsWith("Arrow") && to(at + (key === "ArrowLeft" ? -1 : key === "ArrowRight" ? 1 : 0));
    box.replaceChildren(bar, make("div", { class: "triple" }, ...pictures), ...facts);
    if (!box.open) box.showModal();
  };

  const lists = [];

  /**
   * The list of a section, in the place of the one it had before the page was replaced. An entry has `views` and `facts`
   * on its card, a `kind` of card, and both again where it is `large`; `said` is the sentence above the list.
   */
  const cardList = (section, { views, facts, large, said, kind }, before) => {
    const part = (name) => section.querySelector(`[data-${name}]`);
    const turn = (name) => section.querySelector(`[data-do="${name}"]`);
    let entries = [];
    let page = before?.page() ?? 0;
    const card = (entry, at) => {
      const open = make("button", { type: "button", class: "views", title: "Enlarge" }, ...views(entry));
      open.onclick = () => zoom(part("zoom"), entries, large, at);
      return make("li", { class: kind(entry) }, open, ...facts(entry));
    };
    const draw = (all = false) => {
      const pages = Math.max(1, Math.ceil(entries.length / perPage));
      page = Math.min(page, pages - 1);
      const from = all ? 0 : page * perPage;
      const some = entries.slice(from, all ? entries.length : from + perPage);
      part("parts").replaceChildren(...some.map((entry, index) => card(entry, from + index)));
      part("status").textContent = said(entries.length, `${from + 1} to ${from + some.length} are shown`);
      part("pages").textContent = `page ${page + 1} of ${pages}`;
      section.querySelector(".pager").hidden = pages === 1;
      turn("back").disabled = page === 0;
      turn("on").disabled = page === pages - 1;
    };
    const leaf = (by) => () => {
      page += by;
      draw();
    };
    turn("back").onclick = leaf(-1);
    turn("on").onclick = leaf(1);
    section.querySelector(".filters").hidden = false;
    section.dataset.drawn = "";
    part("list").open = false;
    const list = {
      draw,
      page: () => page,
      /** Shows other entries, from a page on; without one the page stays. */
      show(others, from = page) {
        entries = others;
        page = from;
        draw();
      },
    };
    if (lists.includes(before)) lists.splice(lists.indexOf(before), 1);
    lists.push(list);
    return list;
  };
  const drawAll = (all) => {
    for (const list of lists) list.draw(all);
  };
  window.addEventListener("beforeprint", () => drawAll(true));
  window.addEventListener("afterprint", () => drawAll(false));

  return { make, score, pictured, figure, image, fillFilter, cardList };
})();
