// A group is `{ title, note, scenario, features, isPolicy }`; what a feature says goes before what its group does. A feature is `{ name, without, with, scenario,
// withoutScenario, check, refuses }`: two variants (`without` is the plain one unless it says otherwise, null when there is nothing to compare with), the load
// on them (see `load.mjs`), and how it proves that it does what is compared: `check` throws, `refuses` is a stricter variant and the status it answers with.
// `isPolicy`: its code is measured by itself as well. `isVerdict`: by this one the target of the defaults is judged.
//
// A variant says how each proxy is set up for a feature, by the proxy's key: see `proxies.mjs` for the fields. Null: it has no such thing.

/** All as they are when nothing is said. */
export const plain = {}

/** Several features at once. */
export function together(...variants) {
  return {
    nginx: lines(variants.map(({ nginx }) => nginx)),
    haproxy: lines(variants.map(({ haproxy }) => haproxy)),
    pando: {
      route: Object.assign({}, ...variants.map(({ pando }) => pando.route)),
      config: Object.assign({}, ...variants.map(({ pando }) => pando.config)),
    },
  }
}

/** The blocks' lines one below the other. */
function lines(blocks) {
  const names = new Set(blocks.flatMap(Object.keys))
  return Object.fromEntries([...names].map((name) => [name, blocks.map((block) => block[name] ?? '').join('\n  ')]))
}

export function expect(isAsWanted, what) {
  if (!isAsWanted) throw new Error(what)
}
