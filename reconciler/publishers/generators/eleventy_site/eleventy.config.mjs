// Images stand beside their article; this copies them to where it is built.
export default function (config) {
  config.addPassthroughCopy("posts/**/*.{png,jpg,jpeg,webp,avif,gif,svg}");
  config.addCollection("articles", (api) => api.getFilteredByGlob("posts/*/index.md").reverse());
  config.addFilter("day", (date) => date.toISOString().slice(0, 10));
}
