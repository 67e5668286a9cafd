// Sums over the parts of payments. Amounts are decimals of at most six places and are added as whole millionths: a
// number of JavaScript would lose the last of them.

/**
 * @typedef {{ title: string, currency: string, role: string, through: string, state: string, amount: string }} Part
 * @typedef {{ role: string, through: string, state: string, total: bigint }} Way
 * @typedef {{ title: string, currency: string, total: bigint, ways: Way[] }} Work
 */

/** @param {string} decimal @returns {bigint} */
export function micros(decimal) {
  const [whole = '0', places = ''] = decimal.split('.');
  return BigInt(whole) * 1_000_000n + BigInt(places.padEnd(6, '0').slice(0, 6));
}

/** @param {bigint} amount as money is written */
export function decimalOf(amount) {
  const places = String(amount % 1_000_000n).padStart(6, '0').replace(/0+$/, '').padEnd(2, '0');
  return `${amount / 1_000_000n}.${places}`;
}

/**
 * By work and currency, and within a work by role, by the contracts on the way, and by whether it is paid.
 * @param {Part[]} parts
 * @returns {Work[]}
 */
export function worksOf(parts) {
  /** @type {Map<string, Work>} */
  const works = new Map();
  for (const { title, currency, role, through, state, amount } of parts) {
    const key = JSON.stringify([title, currency]);
    const work = works.get(key) ?? { title, currency, total: 0n, ways: [] };
    works.set(key, work);
    let way = work.ways.find((each) => each.role === role && each.through === through && each.state === state);
    if (way === undefined) {
      way = { role, through, state, total: 0n };
      work.ways.push(way);
    }
    way.total += micros(amount);
    work.total += micros(amount);
  }
  return [...works.values()];
}
