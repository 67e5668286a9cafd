// What came in, month by month: bars drawn as SVG, and the same as a table.

import { decimalOf, micros } from './earnings-sum.js';
import { fromTemplate, part } from './page.js';

const MONTHS = 12;
const HEIGHT = 140;
const STEP = 48;

/**
 * @typedef {{ month: string, total: bigint }} Bar
 * @typedef {{ currency: string, bars: Bar[] }} Months
 */

/**
 * The last twelve months (UTC) of each currency, the oldest first.
 * @param {{ time: string, currency: string, amount: string }[]} lines
 * @param {number} now milliseconds since 1970
 * @returns {Months[]}
 */
export function monthsOf(lines, now) {
  const end = new Date(now);
  const names = Array.from({ length: MONTHS }, (_, place) =>
    new Date(Date.UTC(end.getUTCFullYear(), end.getUTCMonth() - (MONTHS - 1 - place), 1)).toISOString().slice(0, 7));
  /** @type {Map<string, Map<string, bigint>>} */
  const sums = new Map();
  for (const { time, currency, amount } of lines) {
    const months = sums.get(currency) ?? new Map(names.map((name) => [name, 0n]));
    sums.set(currency, months);
    const month = time.slice(0, 7);
    const sum = months.get(month);
    if (sum !== undefined) {
      months.set(month, sum + micros(amount));
    }
  }
  return [...sums].map(([currency, months]) =>
    ({ currency, bars: [...months].map(([month, total]) => ({ month, total })) }));
}

/**
 * The height of each bar, the highest filling the picture.
 * @param {Bar[]} bars
 * @returns {number[]}
 */
export function heightsOf(bars) {
  const most = bars.reduce((most, { total }) => total > most ? total : most, 1n);
  return bars.map(({ total }) => Number(total * BigInt(HEIGHT) / most));
}

/** @param {Months} months @returns {HTMLElement} */
export function chartOf({ currency, bars }) {
  const figure = fromTemplate('month-chart');
  part(figure, 'figcaption', HTMLElement).textContent = `Earned in ${currency}, month by month`;
  part(figure, '.month-currency', HTMLElement).textContent = currency;
  const picture = part(figure, 'svg', SVGElement);
  const model = part(picture, '.month', SVGElement);
  model.remove();
  heightsOf(bars).forEach((height, place) => {
    const copy = model.cloneNode(true);
    picture.append(copy);
    if (!(copy instanceof SVGElement)) {
      return;
    }
    const bar = part(copy, 'rect', SVGElement);
    bar.setAttribute('x', String(place * STEP));
    bar.setAttribute('y', String(HEIGHT - height));
    bar.setAttribute('height', String(height));
    const label = part(copy, 'text', SVGElement);
    label.setAttribute('x', String(place * STEP));
    label.textContent = (bars[place]?.month ?? '').slice(5);
  });
  part(figure, 'tbody', HTMLElement).replaceChildren(...bars.filter(({ total }) => total > 0n).reverse().map((bar) => {
    const row = fromTemplate('month-row');
    part(row, 'th', HTMLElement).textContent = bar.month;
    part(row, '.amount', HTMLElement).textContent = decimalOf(bar.total);
    return row;
  }));
  return figure;
}
