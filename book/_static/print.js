// A printed page has no folds to open and no dark mode: open and lighten it for
// as long as it is printed.
{
  const root = document.documentElement;
  let folds = [];
  let theme = "";
  addEventListener("beforeprint", () => {
    folds = [...document.querySelectorAll(".bd-article details:not([open])")];
    folds.forEach((fold) => (fold.open = true));
    theme = root.dataset.theme;
    root.dataset.theme = "light";
  });
  addEventListener("afterprint", () => {
    folds.forEach((fold) => (fold.open = false));
    root.dataset.theme = theme;
  });
}
