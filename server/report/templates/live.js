// Follows the run: each event says that its files changed, and the page is fetched again and put in place.
(() => {
  const parts = ["headline", "main"];
  const replace = async () => {
    const answer = await fetch("./", { cache: "no-store" });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const open = [...document.querySelectorAll("details")].map((fold) => fold.open);
    for (const name of parts) {
      const target = document.querySelector(`[data-part="${name}"]`);
      const source = fresh.querySelector(`[data-part="${name}"]`);
      if (target && source) target.replaceChildren(...source.childNodes);
    }
    const folds = [...document.querySelectorAll("details")];
    if (folds.length === open.length) for (const [at, fold] of folds.entries()) fold.open = open[at];
    document.dispatchEvent(new Event("report:replaced"));
  };
  new EventSource("./events").addEventListener("changed", () => void replace());
})();
