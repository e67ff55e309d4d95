// Shows the images that mining and generation brought in, each beside what it is to be held against.
(() => {
  const { make, score, pictured, figure, image, fillFilter, cardList } = window.deftCards;
  const chosen = {};
  let cards;
  let data;

  const section = () => document.querySelector("[data-sheet]");

  const read = () => {
    const { sheets, pictures } = JSON.parse(section().querySelector("[data-rows]").textContent);
    return sheets.map(({ images, ...sheet }) => ({
      ...sheet,
      images: images.map(({ picture, beside, marked, ...facts }) => ({
        ...{ ...facts, sheet, picture: pictures[picture], beside: pictures[beside], marked: pictures[marked] },
      })),
    }));
  };

  const isMined = ({ sheet }) => sheet.kind === "mined";

  const views = (entry) => {
    const { name, picture, beside } = entry;
    if (!isMined(entry)) return pictured({ name, golden: beside, test: picture, texts: ["golden", "generated"] });
    const mined = figure("mined", image(picture, `mined image of ${name}`));
    if (beside === undefined) return [mined];
    return [figure("weak sample", image(beside, `weak sample that ${name} is most like`)), mined];
  };

  const likeness = ({ like, similarity }) => {
    const cosine = similarity === undefined ? "" : `similarity ${score(similarity)}`;
    if (like === undefined) return [cosine, " to a weak sample that was not noted"];
    return [`${cosine} to the weak sample `, make("bdi", {}, `${like.label} ${like.name}`)];
  };

  const facts = (entry) => {
    const { label, name, sheet } = entry;
    const source = isMined(entry) ? `mined by ${sheet.rule}` : "generated as";
    return [
      make("p", {}, make("strong", {}, `${source}: `), make("bdi", {}, label)),
      make("p", {}, `${sheet.iteration} · `, make("bdi", {}, name)),
      ...(isMined(entry) ? [make("p", {}, ...likeness(entry))] : []),
    ];
  };

  const large = (entry) => {
    const { name, marked } = entry;
    const frame =
      marked === undefined ? [] : [figure("framed by the generator", image(marked, `framed image of ${name}`))];
    return { pictures: [...views(entry), ...frame], facts: facts(entry) };
  };

  const isChosen = ({ iteration, kind }) =>
    ["", iteration].includes(chosen.iteration) && ["", kind].includes(chosen.kind);

  const select = () =>
    data
      .filter(isChosen)
      .flatMap(({ images }) => images)
      .filter(({ label }) => ["", label].includes(chosen.label));

  const said = (count, shownText) => {
    const hidden = data.filter(isChosen).reduce((sum, sheet) => sum + sheet.not_shown, 0);
    const more =
      hidden === 0
        ? ""
        : ` ${hidden} more of the chosen iterations and sources ${hidden === 1 ? "is" : "are"} not in this page.`;
    return `${count} image${count === 1 ? "" : "s"}${count === 0 ? "" : `; ${shownText}`}.${more}`;
  };

  const fill = (name, values, fallback) => {
    const options = [["", "all"], ...[...new Set(values)].map((value) => [value, value])];
    fillFilter(section(), chosen, name, options, fallback, () => cards.show(select(), 0));
  };

  const start = () => {
    if (section() === null) return;
    data = read();
    cards = cardList(
      section(),
      { views, facts, large, said, kind: (entry) => (isMined(entry) ? "from-pool" : "made") },
      cards,
    );
    fill(
      "iteration",
      data.map(({ iteration }) => iteration),
      data.at(-1).iteration,
    );
    fill(
      "kind",
      data.map(({ kind }) => kind),
    );
    fill(
      "label",
      data.flatMap(({ images }) => images.map(({ label }) => label)),
    );
    cards.show(select());
  };
  start();
  document.addEventListener("report:replaced", start);
})();
